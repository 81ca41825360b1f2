/* What the passes of both precisions share. Private to this room. */
#ifndef PE_MODEL_PASS_H
#define PE_MODEL_PASS_H

enum {
    ROWS_OF_CHUNK = 512, /* tokens of a piece of work: activations of a layer stay near */
    LANES_MOST = 8,      /* sums of gradients side by side, and so the most threads that help */
    PIECE = 1 << 14      /* numbers of a piece of the reduction */
};

#define NORM_EPSILON 1e-5 /* of the norms, as in PyTorch */

#define ATTEND_GRADIENT M(pe_attend_tiled_gradient)

#endif
