/**
 * Awaits one thing after the other, as long as a connection goes on: rejects with why it is over, once it is. `Promise.race` with a promise that lives for
 * hours would leave something with it each time.
 */
export function unlessOver(over: Promise<string>): <T>(what: Promise<T>) => Promise<T> {
  let error: Error | undefined
  let reject: (error: Error) => void = () => {}
  void over.then((why) => {
    error = new Error(why)
    reject(error)
  })
  return <T>(what: Promise<T>) => {
    const awaited = Promise.withResolvers<T>()
    what.then(awaited.resolve, awaited.reject)
    reject = awaited.reject
    if (error !== undefined) reject(error)
    return awaited.promise
  }
}
