/* turn from turn_eight, for kernels with vectors. Private to this room. */

/* Up to eight angles. Those too large for two parts of pi/2 go through libm, as infinity and NaN
 * do: the comparison is false for them. */
HERE static void turn_some(int n, const float *angle, float *sine, float *cosine)
{
    float in[8] = {0}, s[8], c[8];
    __m256 vs, vc;
    memcpy(in, angle, (size_t)n * sizeof *in);
    turn_eight(_mm256_loadu_ps(in), &vs, &vc);
    _mm256_storeu_ps(s, vs);
    _mm256_storeu_ps(c, vc);
    for (int l = 0; l < n; l++)
        if (!(fabsf(in[l]) <= PE_NEAR_ANGLE)) {
            s[l] = (float)sin((double)in[l]);
            c[l] = (float)cos((double)in[l]);
        }
    memcpy(sine, s, (size_t)n * sizeof *s);
    memcpy(cosine, c, (size_t)n * sizeof *c);
}

HERE static void turn(int n, const float *angle, float *sine, float *cosine)
{
    const __m256 most = _mm256_set1_ps(PE_NEAR_ANGLE), size = _mm256_set1_ps(-0.0f);
    int j = 0;
    for (; j + 8 <= n; j += 8) {
        const __m256 x = _mm256_loadu_ps(angle + j);
        const __m256 near = _mm256_cmp_ps(_mm256_andnot_ps(size, x), most, _CMP_LE_OQ);
        __m256 s, c;
        if (_mm256_movemask_ps(near) != 0xff) {
            turn_some(8, angle + j, sine + j, cosine + j);
            continue;
        }
        turn_eight(x, &s, &c);
        _mm256_storeu_ps(sine + j, s);
        _mm256_storeu_ps(cosine + j, c);
    }
    if (j < n)
        turn_some(n - j, angle + j, sine + j, cosine + j);
}
