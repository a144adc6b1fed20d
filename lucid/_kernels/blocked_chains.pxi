# The register tile of blocked images whose chains are short, as Winograd's are: all chains of a tile in one call.
#
# With AVX2 a tile of 32 steps takes a fifth longer than its multiply-adds, and a tile of 14 pixels hides that of AVX-512.

cdef extern from *:
    """
    #if LUCID_BLOCK_PIXELS == 6
    /* Chains of ``chain`` blocks of channels each, for neighbouring pixels and one tap. A call for each chain of Winograd's
       32 channels costs an eighth of it. */
    LUCID_ALWAYS void lucid_tile_chains(const lucid_block_tile *t, const int P) {
        const float *w = t->w, *ahead = t->ahead, *from = t->from;
        Py_ssize_t from_pixel = t->from_pixel, block = t->first;
        while (block < t->end) {
            const Py_ssize_t stop = block + t->chain < t->end ? block + t->chain : t->end;
            lucid_bv acc[LUCID_BLOCK_PARTS][LUCID_BLOCK_PIXELS];
            LUCID_UNROLL(16) for (int v = 0; v < LUCID_BLOCK_PARTS; v++)
                LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                    acc[v][p] = lucid_bv_zero();
            for (; block < stop; block++) {
                const Py_ssize_t n = block == t->last ? t->last_steps : t->steps;
                const float *x = t->x + block * t->x_block;
                for (Py_ssize_t i = 0; i < t->lines; i++, ahead += 16)
                    LUCID_FETCH(ahead);
                LUCID_UNROLL(1) for (Py_ssize_t c = 0; c < n; c++) {
                    lucid_bv ww[LUCID_BLOCK_PARTS];
                    LUCID_UNROLL(16) for (int v = 0; v < LUCID_BLOCK_PARTS; v++)
                        ww[v] = lucid_bv_load(w + v * LUCID_BLOCK_LANES);
                    LUCID_UNROLL(16) for (int p = 0; p < P; p++) {
                        const lucid_bv s = lucid_bv_all(x[c + p * 16]);
                        LUCID_UNROLL(16) for (int v = 0; v < LUCID_BLOCK_PARTS; v++)
                            acc[v][p] = lucid_bv_madd(ww[v], s, acc[v][p]);
                    }
                    w += 16;
                }
            }
            LUCID_UNROLL(16) for (int v = 0; v < LUCID_BLOCK_PARTS; v++)
                LUCID_UNROLL(16) for (int p = 0; p < P; p++) {
                    const Py_ssize_t lanes = v * LUCID_BLOCK_LANES;
                    lucid_bv_store(t->to + p * 16 + lanes,
                                   lucid_bv_add(lucid_bv_load(from + p * from_pixel + lanes), acc[v][p]));
                }
            from = t->to;
            from_pixel = 16;
        }
    }
    #define LUCID_CHAINS_OF(P) static void lucid_chains_##P(const lucid_block_tile *t) { lucid_tile_chains(t, P); }
    LUCID_CHAINS_OF(1) LUCID_CHAINS_OF(2) LUCID_CHAINS_OF(3) LUCID_CHAINS_OF(4) LUCID_CHAINS_OF(5) LUCID_CHAINS_OF(6)
    static void lucid_tile_chained(const lucid_block_tile *t, Py_ssize_t pixels) {
        static void (*const tiles[])(const lucid_block_tile *) = {
            lucid_chains_1, lucid_chains_2, lucid_chains_3, lucid_chains_4, lucid_chains_5, lucid_chains_6};
        tiles[pixels - 1](t);
    }
    #define LUCID_BLOCK_CHAINS 1
    #else
    static void lucid_tile_chained(const lucid_block_tile *t, Py_ssize_t pixels) {}
    #define LUCID_BLOCK_CHAINS 0
    #endif
    """
    void tile_chained "lucid_tile_chained" (const BlockTile* t, Py_ssize_t pixels) noexcept nogil
    cdef enum:
        BLOCK_CHAINS "LUCID_BLOCK_CHAINS"
