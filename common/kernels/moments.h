/* add_moments, for kernels with vectors: include with HERE, DOUBLES (numbers of a vector of
 * doubles), doubles, load_doubles, store_doubles, widen, plus_doubles and plus_square set. Private
 * to this room. */
HERE static void add_moments(double *sum, double *square, const float *x, int n)
{
    int j = 0;
    for (; j + DOUBLES <= n; j += DOUBLES) {
        const doubles value = widen(x + j);
        store_doubles(sum + j, plus_doubles(load_doubles(sum + j), value));
        store_doubles(square + j, plus_square(load_doubles(square + j), value));
    }
    for (; j < n; j++) {
        const double value = (double)x[j];
        sum[j] += value;
        square[j] += value * value;
    }
}
