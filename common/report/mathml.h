/* TeX to MathML, for the formulas of this project: they stand once as TeX (notebooks show that) and
 * pages get MathML from here, without a script or a font.
 *
 * Understood: letters, numbers, operators, ^ _ {} ', Greek, \frac \sqrt[n]{} \binom, \sum \prod
 * \int \min \max \lim \arg... with limits, \sin \cos \exp \log \ln ..., \left( \right), \big-sized
 * fences, \text \mathrm \mathbf \mathbb \mathcal \operatorname, \hat \bar \tilde \vec \dot
 * \overline \underline, relations and arrows, \lfloor \lceil \langle \| and their partners, cases,
 * matrix, pmatrix, bmatrix, vmatrix, aligned, and spaces. */
#ifndef PE_REPORT_MATHML_H
#define PE_REPORT_MATHML_H

#include "plot/buffer.h"

enum { PE_MATHML_UNKNOWN = 64 };

/* Append one <math> element; display is 1 for a formula on its own line, 0 inside a sentence. What
 * is not understood is shown literally in <mtext>, and the first such piece is copied to unknown
 * ("" otherwise; NULL: do not tell). Any text is safe: output is escaped, nesting is limited to 64.
 *   PE_MEMORY  no memory */
pe_status pe_mathml(const char *tex, int display, pe_buffer *out, char unknown[PE_MATHML_UNKNOWN],
                    pe_error *err);

#endif
