// A flag that signals set. A handler may do hardly anything safely, so it only counts, in C.
#pragma once

/// Counts the signal from now on in place of its usual effect. Returns 0, or errno.
int csg_signal_watch(int number);

/// How often a watched signal has arrived.
int csg_signal_count(int number);

/// Gives a signal its usual effect back and forgets its count. Returns 0, or errno.
int csg_signal_release(int number);
