# Sourced by Scripts/torture: one disturbance of one command, and the verdict on it. A disturbance is CASE RANK CALL FIRST COUNT
# KIND, one line of a plan.
# shellcheck shell=bash disable=SC2154,SC2034

# verdict CASE RANK CALL FIRST COUNT KIND FOLDER: prints the line of the results, and what a failure needs to be repeated.
verdict() {
  case "$6" in
    cut) after_cut "$1" "$4" "$5" "$7" ;;
    file) damaged_file "$1" "$4" "$7" ;;
    *) disturbance "$@" ;;
  esac
}

# report CASE RESULT RANK CALL FIRST COUNT KIND FOLDER
report() {
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "${@:1:7}"
  [[ "$2" =~ ^[A-Z] ]] || return 0
  {
    echo "$2: Scripts/torture --replay \"$1 ${*:3:5}\""
    [[ -e "$8.first" ]] && sed 's/^/    first: /' "$8.first" | grep -v '^    first: *$' | tail -n 6
    [[ "$2" == BLOCKED || "$2" == LOST ]] && sed 's/^/    again: /' "$8.said" | tail -n 6
    [[ "$2" == LOST || "$2" == WRONG ]] \
      && diff <(echo "$(< "$work/good/$1.sums")") <(sums "$8") | sed 's/^/    sums: /' | head -n 6
  } >&2
}

right() { [[ "$(sums "$2")" == "$(< "$work/good/$1.sums")" ]]; }

fresh() {
  if mountpoint --quiet "$1"; then umount "$1"; fi
  rm -rf "$1" "$1".*
  mkdir "$1"
}

# living FOLDER: the processes of the command that was started there.
living() {
  local process
  for process in $(pgrep -x ckm); do
    if [[ "$(readlink "/proc/$process/cwd")" == "$1" ]]; then echo "$process"; fi
  done
}

# killed_in_time FOLDER RANK THOUSANDTHS: a rank is killed after that part of an undisturbed run's time.
killed_in_time() {
  local folder="$1" rank="$2" part="$3" job victims
  execute "$folder" "${first[@]}" &
  job=$!
  sleep "$(awk -v part="$part" -v whole="$(< "$work/good/$case.seconds")" 'BEGIN { print whole * part / 1000 }')"
  mapfile -t victims < <(living "$folder")
  ((${#victims[@]})) && kill -KILL "${victims[rank % ${#victims[@]}]}" 2> /dev/null
  wait "$job"
}

# twice_at_once FOLDER: the command, and the same at the same time; the exit code of the better one.
twice_at_once() {
  local folder="$1" job code other
  said="$folder.other" execute "$folder" "${first[@]}" &
  job=$!
  execute "$folder" "${first[@]}"
  code=$?
  wait "$job"
  other=$?
  if ((code > 128 || code == 124 || code == 110)) || ((other == 0)); then code=$((code > other ? code : other)); fi
  # One that went on is enough where the other was told why it cannot.
  if ((code != 0 && code < 110)) && { [[ $other == 0 ]] || ! grep -q 'Error: ' "$folder.said"; }; then
    grep -q 'Error: ' "$folder.said" && code=0
  fi
  return "$code"
}

disturbance() {
  local case="$1" rank="$2" call="$3" nth="$4" count="$5" kind="$6" folder="$7" code began seconds result=""
  describe "$case"
  fresh "$folder"
  began=$(date +%s%N)
  case "$kind" in
    kill-time) killed_in_time "$folder" "$rank" "$nth" 2> /dev/null ;;
    full)
      mount -t tmpfs -o "size=${nth}k" torture "$folder" || return
      execute "$folder" "${first[@]}"
      ;;
    twice) twice_at_once "$folder" ;;
    *) disturbed "$folder" "$rank" "$call" "$nth" "$count" "$kind" "" 2> /dev/null ;;
  esac
  code=$?
  seconds=$((($(date +%s%N) - began) / 1000000000))
  if ((seconds > 50)) && grep -q 'mpirun noticed\|Primary job' "$folder.said" && [[ -z "$(living "$folder")" ]]; then
    # All ranks have ended and mpirun has said so, but waits for a lock in PMIx_server_finalize that a rank's death left taken
    # (Open MPI 4.1.4 with PMIx 4.2.2, one kill in some hundred while ranks start or end).
    result=launcher
  elif ((code == 124 || code == 110)) || ((seconds > 30)); then
    result=HANG
  elif ((code == 0)); then
    result=right
    right "$case" "$folder" || result=WRONG
  elif [[ "$kind" == kill-* || "$kind" == torn ]]; then
    result=killed
  elif ((code > 128)) || grep -qE 'Fatal error|crashed|Segmentation|AddressSanitizer' "$folder.said"; then
    result=CRASH
  else
    result=told
    grep -q 'Error: ' "$folder.said" || result=SILENT
  fi
  cp "$folder.said" "$folder.first"
  if [[ "$result" == told || "$result" == killed || "$result" == launcher ]]; then
    [[ "$kind" != full ]] || mount -o remount,size=256m "$folder"
    if ! execute "$folder" "${again[@]}"; then
      # What is whole already need not be made again.
      right "$case" "$folder" || result=BLOCKED
    elif ! right "$case" "$folder"; then
      result=LOST
    fi
  fi
  report "$case" "$result" "$rank" "$call" "$nth" "$count" "$kind" "$folder"
  if [[ "$kind" == full ]]; then umount "$folder"; fi
}

# ---- Damaged HDF5 files, through the commands that read them.

# damaged_file COMMAND SEED FOLDER
damaged_file() {
  local command="$1" seed="$2" folder="$3" code result arguments sources
  sources=("$inputs/maps.h5" "$inputs/fine.h5" "$repository"/Tests/Fixtures/brought/*.h5 "$inputs/maps.h5")
  ranks=1
  fresh "$folder"
  "$work/mutate.program" "$seed" "${sources[seed % ${#sources[@]}]}" "$folder/in.h5"
  case "$command" in
    hdf5-inspect) arguments=(inspect data in.h5) ;;
    hdf5-import) arguments=(import in.h5 --out out.h5) ;;
    hdf5-train) arguments=(train --config "$inputs/tiny.yaml" --data in.h5 --out run --set training.steps=1 --threads 1) ;;
    hdf5-evaluate) arguments=(evaluate --data "$inputs/maps.h5" --reconstruction in.h5 --out report) ;;
  esac
  execute "$folder" "${arguments[@]}"
  code=$?
  result=told
  if ((code == 124 || code == 137)); then
    result=HANG
  elif ((code > 128)) || grep -qE 'Fatal error|crashed' "$folder.said"; then
    result=CRASH
  elif ((code == 0)); then
    result=right
  elif ! grep -qE 'Error: |training diverged' "$folder.said"; then
    result=SILENT
  elif [[ -e "$folder/out.h5" ]]; then
    result=WRONG
  fi
  cp "$folder.said" "$folder.first"
  report "$command" "$result" 0 none "$seed" 0 file "$folder"
}

# ---- A power cut: of what was not synced before it, any part is lost (Tests/Torture/power.c).

# record CASE: all that an undisturbed run writes, syncs and renames; and when checkpoints were reported as saved.
record() {
  local case="$1" folder="$work/power/$1"
  describe "$case"
  fresh "$folder"
  FAULTS_CONTENT=1 disturbed "$folder" 0 none 0 1 EIO "$work/power/$case.log" || return
  "$work/power.program" "$work/power/$case.log" "$folder" - count > "$work/power/$case.count"
  "$work/power.program" "$work/power/$case.log" "$folder" - marks > "$work/power/$case.marks"
}

# after_cut CASE EVENTS SEED FOLDER: what a cut after so many events leaves is gone on with.
after_cut() {
  local case="$1" events="$2" seed="$3" folder="$4" result=right saved name
  describe "$case"
  fresh "$folder"
  "$work/power.program" "$work/power/$case.log" "$work/power/$case" "$folder" "$events" "$seed"
  # The newest checkpoint that had been reported as saved must be there, whole.
  saved="$(awk -v events="$events" '$1 <= events { name = $2 } END { print name }' "$work/power/$case.marks")"
  if [[ -n "$saved" ]]; then
    name="$("$ckm" inspect run "$folder/${saved%%/*}" 2>&1)"
    grep -qE "^\| ${saved##*/} +\| whole" <<< "$name" || result=LOST
  fi
  if ! execute "$folder" "${again[@]}" && [[ "$case" == train || "$case" == distill ]] \
    && ! [[ -e "$folder/${results[0]}/config.resolved.yaml" ]]; then
    execute "$folder" "${first[@]}"
  fi
  right "$case" "$folder" || result=LOST
  report "$case" "$result" 0 power "$events" "$seed" cut "$folder"
}
