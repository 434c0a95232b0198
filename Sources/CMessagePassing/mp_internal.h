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

MPI_Datatype mp_datatype(mp_type type);
MPI_Op mp_op(mp_operation operation);
size_t mp_width(mp_type type);
