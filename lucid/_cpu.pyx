"""What this CPU and operating system can run, read before any optimised code is loaded."""

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__)
    #include <cpuid.h>

    /* CPUID itself, because __builtin_cpu_supports knows lzcnt, movbe and f16c only in recent compilers,
       and code built for v3 uses them. The bits are those of the x86-64 psABI's levels. */
    #define BIT(n) (1u << (n))
    #define ALL(word, bits) (((word) & (bits)) == (bits))

    static int lucid_level(void) {
        unsigned a, b, c, d, features, extended, more, saved, high;
        if (!__get_cpuid(1, &a, &b, &features, &d)) return 1;
        if (!__get_cpuid(0x80000001, &a, &b, &extended, &d)) return 1;
        /* sse3 ssse3 cx16 sse4.1 sse4.2 popcnt; lahf */
        if (!ALL(features, BIT(0) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(23)) || !ALL(extended, BIT(0))) return 1;
        /* fma movbe osxsave avx f16c; lzcnt */
        if (!ALL(features, BIT(12) | BIT(22) | BIT(27) | BIT(28) | BIT(29)) || !ALL(extended, BIT(5))) return 2;
        /* which registers the operating system saves: xmm and ymm */
        __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
        if (!ALL(saved, BIT(1) | BIT(2))) return 2;
        if (!__get_cpuid_count(7, 0, &a, &more, &c, &d)) return 2;
        /* bmi1 avx2 bmi2 */
        if (!ALL(more, BIT(3) | BIT(5) | BIT(8))) return 2;
        /* avx512 f dq cd bw vl; mask registers and both halves of zmm are saved */
        if (!ALL(more, BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31)) || !ALL(saved, BIT(5) | BIT(6) | BIT(7))) return 3;
        return 4;
    }
    #undef BIT
    #undef ALL
    #else
    static int lucid_level(void) { return 0; }
    #endif
    """
    int lucid_level() nogil


def level() -> int:
    """The x86-64 micro-architecture level (1 to 4) usable here; 0 on any other architecture."""
    return lucid_level()
