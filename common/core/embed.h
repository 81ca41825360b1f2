/* Token ids to rows, in three precisions: table row [* sqrt(d_model)], + or beside the variant's
 * code. Vaswani et al. 2017, arXiv:1706.03762, sections 3.4 and 3.5. run.h has the same for double
 * arrays, with position maps and dropout. */
#ifndef PE_CORE_EMBED_H
#define PE_CORE_EMBED_H

#include "core/instance.h"

#define PE_THRICE "core/embed_types.h"
#include "posenc_thrice.h"

#endif
