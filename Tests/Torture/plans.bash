# Sourced by Scripts/torture: which disturbances are tried, in which order. A plan has lines CASE RANK CALL FIRST COUNT KIND.
# shellcheck shell=bash disable=SC2154

# Every state: after each event nothing or everything of what was not synced, or (twice) a part of it.
power_plan() {
  local case
  for case in "${power_cases[@]}"; do
    [[ -z "$only" || "$only" == "$case" ]] || continue
    seq "$(< "$work/power/$case.count")" | awk -v case="$case" -v short="$short" '
      { event[NR] = $1 }
      END {
        stride = short ? int(NR / 3) + 1 : 1
        for (i = NR; i >= 1; i -= stride)
          for (seed = short ? 2 : 0; seed < (short ? 3 : 4); seed++) print case, 0, "power", event[i], seed < 2 ? seed : seed + 10 * i, "cut"
      }'
  done
}

# fault_plan COUNT SEED: so many faults, drawn by the seed: every case, rank and call alike, whichever makes few calls. One in
# three is a kill, one in twenty a full disk of some size, one in forty the same command twice at once.
fault_plan() {
  local case
  for case in "${cases[@]}"; do
    [[ -e "$work/good/$case.size" ]] && echo "$case $(< "$work/good/$case.size")"
  done | awk -v count="$1" -v seed="$2" -v disks="$disks" '
    NR == FNR { size[$1] = $2; next }
    { row[++rows] = $0 }
    END {
      srand(seed)
      split("EIO EIO ENOSPC EDQUOT EACCES EINTR short", writes, " ")
      split("EIO ENOSPC EDQUOT EACCES", others, " ")
      split("kill-before kill-after torn kill-time", kills, " ")
      for (i = 0; i < count; i++) {
        split(row[1 + int(rand() * rows)], field, "\t")
        nth = 1 + int(rand() * field[4])
        chance = rand()
        if (chance < 0.35) kind = kills[1 + int(rand() * 4)]
        else if (chance < 0.40 && disks) kind = "full"
        else if (chance < 0.425) kind = "twice"
        else if (field[3] ~ /write/) kind = writes[1 + int(rand() * 7)]
        else kind = others[1 + int(rand() * 4)]
        if (kind == "kill-time") { field[3] = "any"; nth = int(rand() * 1000) }
        # Pages of 4 KiB: from a folder that takes next to nothing to one that takes all but the last.
        if (kind == "full") { field[2] = 0; field[3] = "any"; nth = 8 + 4 * int(rand() * size[field[1]] / 4) }
        if (kind == "twice") { field[2] = 0; field[3] = "any"; nth = i }
        print field[1], field[2], field[3], nth, kind ~ /^E[IDNA]/ && kind != "EINTR" && rand() < 0.3 ? 0 : 1, kind
      }
    }' - "$work/calls"
}

# file_plan COUNT SEED: damaged HDF5 files.
file_plan() {
  [[ -z "$only" || "$only" == hdf5-* ]] || return 0
  awk -v count="$1" -v seed="$2" -v only="$only" 'BEGIN {
    split("hdf5-inspect hdf5-import hdf5-inspect hdf5-import hdf5-train hdf5-evaluate", commands, " ")
    for (i = 0; i < count; i++) print only ? only : commands[1 + i % 6], 0, "none", seed * 1000000 + i, 0, "file"
  }'
}

# Every call of every command once with an error, one kill, a full disk and two at once; a few damaged files.
short_plan() {
  awk -F '\t' '
    { call = $3; first = 1 + int($4 / 2)
      print $1, $2, call, first, 1, "EIO"
      if (call == "rename" || call == "pwrite") print $1, $2, call, first, 1, "kill-after" }' "$work/calls" \
    | awk '{ key = $1 " " $3 " " $6 } !seen[key]++'
  local case
  for case in "${cases[@]}"; do
    [[ -e "$work/good/$case.size" ]] || continue
    echo "$case 0 any 700 1 kill-time"
    if ((disks)); then echo "$case 0 any 12 1 full"; fi
    if [[ "$case" != *-2 ]]; then echo "$case 0 any 0 1 twice"; fi
  done
  file_plan 24 "$seed"
  power_plan
}

# Of six, two are faults or kills, three damaged files (up to 6,000) and one a power cut, as long as there are any that were
# not tried.
long_plan() {
  paste -d '\n' <(fault_plan 100000 "$seed") <(file_plan 2000 "$((3 * seed))") <(file_plan 2000 "$((3 * seed + 1))") \
    <(fault_plan 100000 "$((seed + 1000))") <(file_plan 2000 "$((3 * seed + 2))") \
    <(power_plan | shuf --random-source=<(yes "$seed")) | grep -v '^$'
}
