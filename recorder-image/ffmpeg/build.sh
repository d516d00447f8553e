#!/bin/sh
# sh build.sh TARGET: builds an ffmpeg with the few things that the recorder asks of one, from Debian's source package, as one file of 8 MB.
#
# Debian's own is linked to 215 libraries, 240 MB, of which every process maps and relocates some 12 to 35 MB for itself; and it is GPL, for encoders of
# video. This one is LGPL (2.1 or later), LAME in it too; its encoder of H.264, which mixes pictures, is OpenH264 (BSD). Of
# libraries it needs glibc and dav1d, which Chromium needs anyhow. Writes TARGET/ffmpeg, its licences, and TARGET/packages.json: what it was made of.
#
# Runs as root on Debian, in the image's build; apt must know the sources (deb-src).
set -eu
target=$1

# What stands here is what recorder-image/src may name; ffmpeg.test.ts beside it looks. Filters: `aresample`, those that mix pictures, and what ffmpeg itself puts between: `scale`
# makes the full range of a JPEG of a picture's, too.
demuxers=ogg,aac,mp3,mov,pcm_s16le,h264,hevc,ivf
decoders=opus,aac,mp3float,pcm_s16le,h264,hevc,vp8,vp9,libdav1d
parsers=opus,aac,mpegaudio,h264,hevc,vp8,vp9,av1
encoders=aac,flac,libmp3lame,libopenh264,pcm_s16le,mjpeg,wrapped_avframe
muxers=adts,flac,mp3,mp4,pcm_s16le,mjpeg,null,framecrc
filters=aresample,aformat,anull,scale,format,null,color,overlay,split,setsar
protocols=pipe,file,concat
filters_of_streams=h264_mp4toannexb,hevc_mp4toannexb,vp9_superframe_split,av1_frame_merge

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$target"
chmod 755 "$work"
cd "$work"
apt-get source --quiet ffmpeg
# `apt-get source` names the folder after the upstream version.
cd ffmpeg-*/
# So that these can only be linked in: they are small, and nobody else in the image needs them. OpenH264 is C++.
rm -f /usr/lib/*/libmp3lame.so /usr/lib/*/libopenh264.so
./configure \
  --disable-everything --disable-autodetect --disable-network --disable-doc --disable-debug --disable-programs --enable-ffmpeg \
  --disable-avdevice --disable-postproc --enable-static --disable-shared --enable-libmp3lame --enable-libdav1d \
  --enable-libopenh264 --extra-libs='-l:libstdc++.a -lm -lpthread' --enable-protocol=$protocols --enable-demuxer=$demuxers --enable-decoder=$decoders --enable-parser=$parsers --enable-encoder=$encoders \
  --enable-muxer=$muxers --enable-filter=$filters --enable-bsf=$filters_of_streams
make -j"$(nproc)" ffmpeg
install -m 755 ffmpeg "$target/ffmpeg"
install -m 644 COPYING.LGPLv2.1 "$target/LICENSE"
install -m 644 /usr/share/doc/libopenh264-dev/copyright "$target/LICENSE.openh264"

version() { sed -n '1s/^[^(]*(\([^)]*\)).*/\1/p' debian/changelog; }
of() { dpkg-query --show --showformat '${source:Version}' "$1"; }
printf '[{"name":"ffmpeg","version":"%s","architecture":"source"},{"name":"lame","version":"%s","architecture":"source"},{"name":"openh264","version":"%s","architecture":"source"}]\n' \
  "$(version)" "$(of libmp3lame-dev)" "$(of libopenh264-dev)" > "$target/packages.json"
# One that cannot say what it has is none.
for encoder in libmp3lame libopenh264; do "$target/ffmpeg" -hide_banner -encoders | grep -q "$encoder"; done
