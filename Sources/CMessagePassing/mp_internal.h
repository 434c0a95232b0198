#pragma once

#include <mpi.h>

#include "include/CMessagePassing.h"

struct mp_communicator {
  MPI_Comm handle;
};

/// Waits for a request by testing with growing sleeps.
int mp_wait_patiently(MPI_Request *request);
/// One step of a patient loop: spins at first, then sleeps ever longer, up to half a millisecond.
void mp_pause(int tries);
double mp_seconds(void);
/// Before MPI starts: settings that suit this node. After: the variables that MPI was not to see are back.
void mp_prepare_environment(void);
void mp_restore_environment(void);

/// Makes a folder of this process's own in a directory, and removes those of processes that were killed. NULL where it cannot.
const char *mp_own_place(const char *directory);
/// Removes this process's own folders.
void mp_leave_places(void);

MPI_Datatype mp_datatype(mp_type type);
MPI_Op mp_op(mp_operation operation);
size_t mp_width(mp_type type);
