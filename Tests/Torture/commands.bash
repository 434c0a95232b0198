# Sourced by Scripts/torture: the commands that write, what they leave, and what an undisturbed run of each does.
# shellcheck shell=bash disable=SC2154

# A case sets: ranks; `first`, the command; `again`, the same after a failure; `results`, what is compared.

cases=(import import-2 archive archive-2 simulate simulate-2 urban urban-2 export reconstruct reconstruct-2 reconstruct-npz train train-2 prune prune-2 distill evaluate protocol)
# Those of which a power cut is played: on one rank, what they write is one order of calls.
power_cases=(import simulate reconstruct train prune distill)

describe() {
  ranks=1
  [[ "$1" == *-2 ]] && ranks=2
  case "${1%-2}" in
    import)
      first=(import "$inputs/array.npy" --units dB -o out.h5)
      again=("${first[@]}" --overwrite) results=(out.h5)
      ;;
    archive)
      first=(import "$inputs/archive" --layout radiomapseer --layer cars --out out.h5)
      again=("${first[@]}" --overwrite) results=(out.h5)
      ;;
    simulate)
      first=(simulate uma --scenario los --count 6 --size 16 --seed 3 --out out.h5)
      again=("${first[@]}" --overwrite) results=(out.h5)
      ;;
    urban)
      first=(simulate urban --environments 2 --stations 3 --size 32 --seed 3 --layers gain,corners --out out.h5)
      again=("${first[@]}" --overwrite) results=(out.h5)
      ;;
    export)
      first=(export "$inputs/maps.h5" -o out.npz)
      again=("${first[@]}" --overwrite) results=(out.npz)
      ;;
    reconstruct)
      first=(reconstruct --model "$inputs/run" --data "$inputs/maps.h5" --split all --steps 2 --sampler ddim --out out.h5)
      again=("${first[@]}" --overwrite) results=(out.h5)
      ;;
    reconstruct-npz)
      first=(reconstruct --model "$inputs/run" --data "$inputs/maps.h5" --split all --steps 2 --sampler ddim --out out.npz)
      again=("${first[@]}" --overwrite) results=(out.npz)
      ;;
    train)
      first=(train --config "$inputs/tiny.yaml" --data "$inputs/maps.h5" --out run --threads 1)
      again=("${first[@]}" --resume latest) results=(run)
      ;;
    prune)
      first=(prune --model "$inputs/run" --data "$inputs/maps.h5" --ratio 0.1 --samples 4 --out student --threads 1)
      again=("${first[@]}") results=(student)
      ;;
    distill)
      first=(distill --teacher "$inputs/run" --student "$inputs/student" --set training.steps=4 --set checkpoints.every=2
        --data "$inputs/maps.h5" --out run --threads 1)
      again=("${first[@]}" --resume latest) results=(run)
      ;;
    evaluate)
      first=(evaluate --data "$inputs/maps.h5" --reconstruction "$inputs/fine.h5" --out report)
      again=("${first[@]}") results=(report)
      ;;
    protocol)
      first=(protocol --data "sim=$inputs/maps.h5" --model "net=$inputs/run" --magnification 4 --steps 2 --sampler ddim
        --out report)
      again=("${first[@]}") results=(report)
      ;;
    *) echo "Scripts/torture: no such case: $1 (${cases[*]})" >&2 && exit 64 ;;
  esac
}

export -f ranks

# execute FOLDER ARGUMENT...: the command in a folder; what it says goes into FOLDER.said (or $said), its exit code is returned.
execute() {
  local folder="$1" said="${said:-$1.said}"
  shift
  if ((ranks == 1)); then
    (cd "$folder" && exec timeout --kill-after 5 45 "$ckm" "$@") > "$said" 2>&1 < /dev/null
  else
    # mpirun's own time limit does not help where mpirun itself waits for ever (see `disturbance`).
    (cd "$folder" && RANKS_TIMEOUT=45 exec timeout --kill-after 5 60 bash -c 'ranks "$@"' - "$ranks" -x LD_PRELOAD \
      -x FAULTS_PATH -x FAULTS_CALLS -x FAULTS_FIRST -x FAULTS_COUNT -x FAULTS_KIND -x FAULTS_RANK -x FAULTS_LOG \
      "$ckm" "$@") > "$said" 2>&1 < /dev/null
  fi
}

# disturbed FOLDER RANK CALL FIRST COUNT KIND LOG: the first command with a fault.
disturbed() {
  FAULTS_PATH="$1/" FAULTS_RANK="$2" FAULTS_CALLS="$3" FAULTS_FIRST="$4" FAULTS_COUNT="$5" FAULTS_KIND="$6" FAULTS_LOG="$7" \
    LD_PRELOAD="$work/faults.so" execute "$1" "${first[@]}"
}

# sums FOLDER: names and check sums of the results; clocks, locks and what was set aside do not count.
sums() {
  (cd "$1" && find "${results[@]}" -type f ! -name timing.jsonl ! -name .lock ! -path '*.abandoned/*' ! -path '*.bad/*' \
    ! -path '*/scan/*' ! -path '*.partial/*' ! -name '*.partial' 2> /dev/null | LC_ALL=C sort | xargs -r -d '\n' sha256sum)
}

prepare_inputs() {
  local quiet="$inputs/log"
  cp "$repository/Tests/Fixtures/maps/c.npy" "$inputs/array.npy"
  local real="$repository/Tests/Fixtures/radiomapseer" city
  mkdir -p "$inputs"/archive/{gain/DPM,antenna,png/{buildings_complete,cars}}
  for city in 0 1; do
    cp "$real/0_0.png" "$inputs/archive/gain/DPM/${city}_0.png"
    cp "$real/0_1.png" "$inputs/archive/gain/DPM/${city}_1.png"
    cp "$real/buildings_0.png" "$inputs/archive/png/buildings_complete/$city.png"
    cp "$real/buildings_0.png" "$inputs/archive/png/cars/$city.png"
    echo "[[108, 68], [134, 98]]" > "$inputs/archive/antenna/$city.json"
  done
  "$ckm" simulate uma --scenario los --count 12 --size 16 --seed 1 --out "$inputs/maps.h5" > "$quiet" 2>&1 \
    && "$ckm" config --preset tiny --set model.image_size=16 --set training.steps=6 --set training.batch=4 \
      --set checkpoints.every=2 > "$inputs/tiny.yaml" 2>> "$quiet" \
    && "$ckm" train --config "$inputs/tiny.yaml" --data "$inputs/maps.h5" --out "$inputs/run" >> "$quiet" 2>&1 \
    && "$ckm" prune --model "$inputs/run" --data "$inputs/maps.h5" --ratio 0.1 --samples 4 --out "$inputs/student" \
      >> "$quiet" 2>&1 \
    && "$ckm" reconstruct --model "$inputs/run" --data "$inputs/maps.h5" --split all --steps 2 --sampler ddim \
      --out "$inputs/fine.h5" >> "$quiet" 2>&1 && return
  cat "$quiet" >&2
  exit 1
}

# learn CASE: the right result, twice, and how often each rank makes each call on the command's own files.
learn() {
  local case="$1" folder="$work/good/$1" rank began
  describe "$case"
  for rank in $(seq 0 $((ranks - 1))); do
    rm -rf "$folder"
    mkdir -p "$folder"
    if ! disturbed "$folder" "$rank" none 0 1 EIO "$work/good/$case.log-$rank"; then
      echo "$case fails undisturbed:" >&2 && cat "$folder.said" >&2 && exit 1
    fi
    cut -f 2 "$work/good/$case.log-$rank" | sort | uniq -c | awk -v case="$case" -v rank="$rank" \
      '{ print case "\t" rank "\t" $2 "\t" $1 }' >> "$work/calls"
  done
  sums "$folder" > "$work/good/$case.sums"
  rm -rf "$folder"
  mkdir "$folder"
  began=$(date +%s%N)
  execute "$folder" "${first[@]}"
  awk -v began="$began" -v ended="$(date +%s%N)" 'BEGIN { print (ended - began) / 1e9 }' > "$work/good/$case.seconds"
  du --apparent-size -k -s "$folder" | cut -f 1 > "$work/good/$case.size"
  [[ -s "$work/good/$case.sums" && "$(sums "$folder")" == "$(< "$work/good/$case.sums")" ]] \
    || { echo "$case: two undisturbed runs differ:" >&2 && diff "$work/good/$case.sums" <(sums "$folder") >&2; exit 1; }
}

