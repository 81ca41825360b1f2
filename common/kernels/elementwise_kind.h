/* One kind of elementwise kernels, in C that a compiler turns into vectors: include with HERE (the
 * target), KIND(name), REAL, LANES (numbers of a vector) and TYPE(name) set. Private to this room.
 */

typedef REAL KIND(lanes) __attribute__((vector_size(LANES * sizeof(REAL)), aligned(sizeof(REAL))));
#define load(from)      (*(const KIND(lanes) *)(from))
#define store(to, what) (*(KIND(lanes) *)(to) = (what))

HERE static inline REAL KIND(across)(const REAL *part)
{
    REAL sum = 0;
    for (int l = 0; l < LANES; l++)
        sum += part[l];
    return sum;
}

/* ---- norm ----------------------------------------------------------------------------------- */

HERE static REAL KIND(mean_of)(int n, const REAL *x)
{
    KIND(lanes) sum = {0};
    REAL part[LANES], rest = 0;
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        sum += load(x + i);
    for (; i < n; i++)
        rest += x[i];
    store(part, sum);
    return (KIND(across)(part) + rest) / (REAL)n;
}

HERE static REAL KIND(variance_of)(int n, const REAL *x, REAL mean)
{
    KIND(lanes) sum = {0};
    REAL part[LANES], rest = 0;
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        const KIND(lanes) d = load(x + i) - mean;
        sum += d * d;
    }
    for (; i < n; i++)
        rest += (x[i] - mean) * (x[i] - mean);
    store(part, sum);
    return (KIND(across)(part) + rest) / (REAL)n;
}

HERE static void KIND(norm)(int n, REAL epsilon, const REAL *x, const REAL *gain, const REAL *shift,
                            REAL *y, REAL *mean, REAL *inverse)
{
    const REAL m = KIND(mean_of)(n, x);
    const REAL r = 1 / SQRT(KIND(variance_of)(n, x, m) + epsilon);
    for (int i = 0; i < n; i++)
        y[i] = (x[i] - m) * r * gain[i] + shift[i];
    *mean = m;
    *inverse = r;
}

/* With h = (x - mean) inverse and e = gain dy: dx = inverse (e - mean(e) - h mean(e h)). */
HERE static void KIND(norm_gradient)(int n, const REAL *x, const REAL *gain, REAL mean,
                                     REAL inverse, const REAL *dy, REAL *dx, REAL *dgain,
                                     REAL *dshift)
{
    KIND(lanes) sum = {0}, product = {0};
    REAL part[LANES], part2[LANES], e0 = 0, e1 = 0;
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        const KIND(lanes) e = load(gain + i) * load(dy + i);
        sum += e;
        product += e * ((load(x + i) - mean) * inverse);
    }
    for (; i < n; i++) {
        e0 += gain[i] * dy[i];
        e1 += gain[i] * dy[i] * ((x[i] - mean) * inverse);
    }
    store(part, sum);
    store(part2, product);
    e0 = (e0 + KIND(across)(part)) / (REAL)n;
    e1 = (e1 + KIND(across)(part2)) / (REAL)n;
    for (int c = 0; c < n; c++) {
        const REAL h = (x[c] - mean) * inverse;
        dx[c] += inverse * (gain[c] * dy[c] - e0 - h * e1);
        dgain[c] += dy[c] * h;
        dshift[c] += dy[c];
    }
}

/* ---- GELU ------------------------------------------------------------------------------------ */

HERE static void KIND(gelu)(size_t n, const REAL *x, REAL *y)
{
    for (size_t i = 0; i < n; i++) {
        REAL distribution, density;
        PHI(x[i], distribution, density);
        y[i] = x[i] * distribution;
        (void)density;
    }
}

HERE static void KIND(gelu_gradient)(size_t n, const REAL *x, REAL *dy)
{
    for (size_t i = 0; i < n; i++) {
        REAL distribution, density;
        PHI(x[i], distribution, density);
        dy[i] *= distribution + x[i] * density;
    }
}

/* ---- the rest -------------------------------------------------------------------------------- */

HERE static REAL KIND(cross_entropy)(int n, int target, REAL scale, REAL *x)
{
    const REAL top = LARGEST(x, n), asked = x[target];
    const REAL sum = EXPONENTIATE(x, n, top);
    const REAL factor = scale / sum;
    for (int c = 0; c < n; c++)
        x[c] *= factor;
    x[target] -= scale;
    return top + LOG(sum) - asked;
}

/* The finaliser of MurmurHash3 (Appleby) of key + element, against a threshold of 2^-32. */
HERE static void KIND(drop)(size_t n, uint32_t key, REAL keep, REAL *x)
{
    const uint32_t limit = (uint32_t)((1 - (double)keep) * 4294967296.0);
    const REAL factor = 1 / keep;
    for (size_t i = 0; i < n; i++) {
        uint32_t z = key + (uint32_t)i * 0x9e3779b1u;
        z = (z ^ (z >> 16)) * 0x85ebca6bu;
        z = (z ^ (z >> 13)) * 0xc2b2ae35u;
        z ^= z >> 16;
        x[i] = z < limit ? 0 : x[i] * factor;
    }
}

HERE static void KIND(add)(size_t n, const REAL *x, REAL *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

HERE static double KIND(squares)(size_t n, const REAL *x)
{
    double part[8] = {0}, rest = 0;
    size_t i = 0;
    typedef double eight __attribute__((vector_size(64)));
    typedef REAL eight_reals __attribute__((vector_size(8 * sizeof(REAL)), aligned(sizeof(REAL))));
    eight sum = {0};
    for (; i + 8 <= n; i += 8) {
        const eight wide = __builtin_convertvector(*(const eight_reals *)(x + i), eight);
        sum += wide * wide;
    }
    for (; i < n; i++)
        rest += (double)x[i] * (double)x[i];
    memcpy(part, &sum, sizeof part);
    for (int l = 0; l < 8; l++)
        rest += part[l];
    return rest;
}

HERE static void KIND(adam)(size_t n, const TYPE(pe_adam) * step, const REAL *g, REAL *w, REAL *m,
                            REAL *v)
{
    const TYPE(pe_adam) s = *step;
    for (size_t i = 0; i < n; i++) {
        const REAL d = g[i] * s.scale;
        m[i] = s.beta1 * m[i] + (1 - s.beta1) * d;
        v[i] = s.beta2 * v[i] + (1 - s.beta2) * d * d;
        w[i] -= s.rate * (m[i] * s.bias1) / (SQRT(v[i] * s.bias2) + s.epsilon) + s.shrink * w[i];
    }
}

static const TYPE(pe_elementwise) KIND(set) = {
    .norm = KIND(norm),
    .norm_gradient = KIND(norm_gradient),
    .gelu = KIND(gelu),
    .gelu_gradient = KIND(gelu_gradient),
    .cross_entropy = KIND(cross_entropy),
    .drop = KIND(drop),
    .add = KIND(add),
    .squares = KIND(squares),
    .adam = KIND(adam),
};

#undef load
#undef store
#undef HERE
#undef KIND
#undef LANES
