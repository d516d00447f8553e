#!/usr/bin/env bash
# step.sh TEXT COMMAND...: runs the command and says what it was, whether it worked and how long it took.
text=$1
shift
echo "  … $text"
start=$EPOCHREALTIME
"$@"
code=$?
seconds=$(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $start }")
if [ "$code" = 0 ]; then echo "  ✓ $text ($seconds s)"; else echo "  ✗ $text: exit code $code ($seconds s)"; fi
exit "$code"
