#pragma once

#include <stddef.h>
#include <stdint.h>

// One body, three instruction sets, chosen by the dynamic linker: a cluster is rarely one kind of node.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer)
#define CK_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CK_CLONES
#endif

#define CK_INLINE static inline __attribute__((always_inline))
