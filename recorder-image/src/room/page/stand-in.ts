/**
 * What the decoder gets in place of the picture that was taken: one 16x16 key frame of the same codec, every time. Chromium decodes whether
 * anybody looks or not, half of the recorder's CPU at ten anchors, and asks the sender for key frames as soon as it gets nothing to decode. It
 * tells frames apart by what stands outside the payload (type, order, time), which stays. So nobody is asked for anything, and what a
 * hostile sender made never reaches a decoder.
 *
 * A key frame for a delta as well: it needs none of the frames before it, so this keeps no state, and frames may be late, repeated or missing.
 * The bytes are what these commands write, of the last three without the 44 bytes that IVF puts in front, and of AV1 without
 * its temporal delimiter, which WebRTC does not carry:
 *
 *     ffmpeg -f lavfi -i color=black:s=16x16 -frames:v 1 -c:v libx264 -profile:v baseline -x264-params ref=1:repeat-headers=1 \
 *       -pix_fmt yuv420p -bsf:v filter_units=remove_types=6 -f h264 -
 *     ffmpeg -f lavfi -i color=black:s=16x16 -frames:v 1 -c:v libx265 -x265-params info=0:repeat-headers=1:bframes=0 -pix_fmt yuv420p -f hevc -
 *     ffmpeg -f lavfi -i color=black:s=16x16 -frames:v 1 -c:v libvpx -pix_fmt yuv420p -f ivf -
 *     ffmpeg -f lavfi -i color=black:s=16x16 -frames:v 1 -c:v libvpx-vp9 -pix_fmt yuv420p -f ivf -
 *     ffmpeg -f lavfi -i color=black:s=16x16 -frames:v 1 -c:v libaom-av1 -usage realtime -cpu-used 8 -pix_fmt yuv420p -f ivf -
 */
const pictures: Readonly<Record<string, ArrayBuffer>> = {
  'video/h264': fromHex(`
    000000016742c00ada7b011000000300100000030320f1226a0000000168ce0f
    2c800000016588840af2628000a7be`),
  'video/h265': fromHex(`
    0000000140010c01ffff01600000030090000003000003001e92809000000001
    42010101600000030090000003000003001ea08845964aabcaf0168080000003
    008000000c84000000014401c173d0890000012801af1d80ee238fff5e8f`),
  'video/vp8': fromHex('1002009d012a100010000047088585888584880202000c0d6000feffab5080'),
  'video/vp9': fromHex('824983420000f000f60038241c184a00003060000010bffffd488c00'),
  'video/av1': fromHex('0a0a000000019ff9b5f2008032101000900008208220000039517fb89148'),
}

/** A picture of this codec for the decoder, in memory of its own: Chromium takes a frame's buffer away. Undefined for other codecs. */
export const standInPicture = (mimeType: string | undefined): ArrayBuffer | undefined =>
  pictures[mimeType?.toLowerCase() ?? '']?.slice(0)

function fromHex(text: string): ArrayBuffer {
  const digits = text.replace(/\s/g, '')
  return Uint8Array.from({ length: digits.length / 2 }, (_, n) => Number.parseInt(digits.slice(2 * n, 2 * n + 2), 16)).buffer
}
