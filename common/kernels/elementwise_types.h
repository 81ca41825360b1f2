/* The elementwise kernels of one real type: included twice by elementwise.h. */

/* One step of AdamW (model/optimiser.h has the formula): `bias1` is 1 / (1 - b1^t), `bias2` is
 * 1 / (1 - b2^t), `scale` multiplies every gradient, `shrink` is rate * decay. */
typedef struct PE_E(pe_adam) {
    PE_E_REAL beta1, beta2, bias1, bias2, rate, epsilon, shrink, scale;
} PE_E(pe_adam);

typedef struct PE_E(pe_elementwise) {
    /* y = gain (x - mean) / sqrt(variance + epsilon) + shift for one row of n numbers, with mean
     * and 1 / sqrt(...) kept: Ba, Kiros, Hinton 2016, arXiv:1607.06450. */
    void (*norm)(int n, PE_E_REAL epsilon, const PE_E_REAL *x, const PE_E_REAL *gain,
                 const PE_E_REAL *shift, PE_E_REAL *y, PE_E_REAL *mean, PE_E_REAL *inverse);
    /* Its gradient: dx, dgain and dshift are added to. */
    void (*norm_gradient)(int n, const PE_E_REAL *x, const PE_E_REAL *gain, PE_E_REAL mean,
                          PE_E_REAL inverse, const PE_E_REAL *dy, PE_E_REAL *dx, PE_E_REAL *dgain,
                          PE_E_REAL *dshift);

    /* y = x Phi(x), Phi the normal distribution (Hendrycks and Gimpel 2016, arXiv:1606.08415); in
     * float within 2e-7 (1 + |y|). The gradient takes the place of dy. */
    void (*gelu)(size_t n, const PE_E_REAL *x, PE_E_REAL *y);
    void (*gelu_gradient)(size_t n, const PE_E_REAL *x, PE_E_REAL *dy);

    /* The softmax's part of the cross entropy of n logits: x becomes `scale` times its gradient by
     * the logits, and the loss comes back. target in 0 .. n-1. */
    PE_E_REAL (*cross_entropy)(int n, int target, PE_E_REAL scale, PE_E_REAL *x);

    /* x is set to 0 where the draw of its element says so, and divided by `keep`, the share that
     * stays, where not (Srivastava et al. 2014). The draw depends on (key, element). */
    void (*drop)(size_t n, uint32_t key, PE_E_REAL keep, PE_E_REAL *x);

    void (*add)(size_t n, const PE_E_REAL *x, PE_E_REAL *y); /* y += x */

    /* Sum of squares, in double, in an order that depends on n alone. */
    double (*squares)(size_t n, const PE_E_REAL *x);
    void (*adam)(size_t n, const PE_E(pe_adam) * step, const PE_E_REAL *g, PE_E_REAL *w,
                 PE_E_REAL *m, PE_E_REAL *v);
} PE_E(pe_elementwise);
