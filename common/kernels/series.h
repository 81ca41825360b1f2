/* exp(r) for |r| <= ln(2)/2: 1 + r + r^2 (c2 + c3 r + ... + c6 r^4), with the c that leave the
 * smallest relative error there: 4.4e-9, a seventh of what rounding to float may add. Private to
 * this room. */
#ifndef PE_KERNELS_SERIES_H
#define PE_KERNELS_SERIES_H

#define PE_EXP_2 0x1.fffffcp-2f
#define PE_EXP_3 0x1.55549p-3f
#define PE_EXP_4 0x1.5558f4p-5f
#define PE_EXP_5 0x1.123a6cp-7f
#define PE_EXP_6 0x1.6a2352p-10f

#endif
