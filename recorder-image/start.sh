# sh start.sh COMMAND…: runs the recorder so that a SIGTERM at any moment gives a result.
#
# Until Node listens for signals, a tenth of a second to some seconds on a busy machine, one ends it before it could say anything. It is then started
# once more and told that it was asked to stop: it finishes what is left on the volume and says so. What is left open is the millisecond that
# this shell takes to its first lines.
asked=
child=
ask() {
  asked=$1
  [ -z "$child" ] || tell
}
# Twice: a process forgets one that comes in the moment before it runs its own program. The recorder heeds the first that it hears.
tell() {
  kill -s "$asked" "$child" 2>/dev/null
  (sleep 0.2; kill -s "$asked" "$child") >/dev/null 2>&1 &
}
trap 'ask TERM' TERM
trap 'ask INT' INT

run() {
  "$@" &
  child=$!
  # One that came before it had a number.
  [ -z "$asked" ] || tell
  while :; do
    wait "$child" 2>/dev/null
    code=$?
    # A signal ends the waiting, not the child.
    kill -0 "$child" 2>/dev/null || return
  done
}

if [ -z "$asked" ]; then
  run "$@"
  case $code in
    130) asked=${asked:-INT} ;;
    143) asked=${asked:-TERM} ;;
    *) exit "$code" ;;
  esac
fi
trap '' TERM INT
TRTC_RECORDER_ASKED_TO_STOP=SIG$asked "$@"
