/**
 * What ends a wait: something that the operator watches. It then looks at once at what waits for it, and does not wait for its pause to pass. What is not
 * here is not watched, and what waits for that goes on when its pause is over: the pauses grow. A change of the Recording, or the clip, itself brings it always.
 */
export const wakers = {
  Pod: 'its Pod changes or goes',
  Volume: 'a volume that was made for a Recording of its name changes or goes',
  Quota: 'a ResourceQuota of the namespace has room again, or is deleted',
  PriorityClass: 'the PriorityClass that is missing is made',
  Rival: 'the Recording that has the identity is over, or has left the room',
  Place: 'a place is free',
  Recording: 'its Recording is made or deleted, enters its room, goes to another volume or is over',
  Recorder: 'the recorder’s Pod changes, is asked for something else or goes',
} as const
export type Waker = keyof typeof wakers
