/** What is made of a recording that is over: what of spec.outputs asks for it, and the same by hand, with ffmpeg and what a shell has. */
export const measuredOutputs = {
  audio16kWav: {
    spec: { audio16k: true },
    byHand: (files: readonly string[]) =>
      files.map((file) => `ffmpeg -v error -y -threads 1 -i ${file} -vn -ac 1 -ar 16000 ${file}.wav`).join(' && '),
  },
  audio16kFlac: {
    spec: { audio16k: true, audio16kFormat: 'Flac' },
    byHand: (files: readonly string[]) =>
      files.map((file) => `ffmpeg -v error -y -threads 1 -i ${file} -vn -ac 1 -ar 16000 ${file}.flac`).join(' && '),
  },
  pair: {
    spec: { pair: { left: ['anchor1'], right: ['anchor2'] } },
    byHand: ([left, right]: readonly string[]) =>
      `ffmpeg -v error -y -i ${left} -i ${right} -filter_complex '[0:a]aformat=channel_layouts=mono[l];[1:a]aformat=channel_layouts=mono[r];[l][r]join=inputs=2:channel_layout=stereo[o]' -map '[o]' -ar 8000 ${left}.wav`,
  },
  speech: {
    spec: { speech: true },
    byHand: (files: readonly string[]) =>
      files
        .map((file) => `ffmpeg -v error -threads 1 -i ${file} -vn -af aresample=16000,silencedetect=n=-50dB:d=0.5 -f null -`)
        .join(' && '),
  },
  mix: {
    spec: { mix: true },
    byHand: (files: readonly string[]) =>
      `ffmpeg -v error -y ${files.map((file) => `-i ${file}`).join(' ')} -filter_complex amix=inputs=${files.length}:normalize=0 -vn -ac 1 -b:a 96k ${files[0]}.mp3`,
  },
  mixMp4: {
    spec: { mix: true, mixFormat: 'Mp4' },
    byHand: ([left, right]: readonly string[]) =>
      `ffmpeg -v error -y -threads 1 -i ${left} -threads 1 -i ${right} -filter_complex '[0:v]fps=15,scale=640:360[l];[1:v]fps=15,scale=640:360[r];[l][r]xstack=inputs=2:layout=0_0|w0_0[v];[0:a][1:a]amix=inputs=2:normalize=0[a]' -map '[v]' -map '[a]' -c:v libx264 -preset veryfast -threads 1 -b:v 1500k -ac 1 -c:a aac -b:a 96k -movflags +faststart ${left}.mix.mp4`,
  },
  vcon: {
    spec: { vcon: true },
    byHand: (files: readonly string[]) => `sha512sum ${files.join(' ')} > /dev/null`,
  },
  paella: {
    spec: { paella: true },
    byHand: (files: readonly string[]) =>
      [
        ...files.map((file) => `ffmpeg -v error -y -i ${file} -an -c copy -movflags +faststart ${file}.mp4`),
        `ffmpeg -v error -y ${files.map((file) => `-i ${file}`).join(' ')} -filter_complex amix=inputs=${files.length}:normalize=0 -vn -ac 1 -b:a 96k ${files[0]}.mp3`,
      ].join(' && '),
  },
} as const satisfies Record<string, { spec: object; byHand: (files: readonly string[]) => string }>

export type MeasuredOutput = keyof typeof measuredOutputs
