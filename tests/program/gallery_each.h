/* Exhibits one by one for the tests of the gallery. */
#ifndef GALLERY_EACH_H
#define GALLERY_EACH_H

#include "gallery/gallery.h"
#include "testing.h"

/* With sanitizers everything takes ten times as long: every third exhibit then. */
#if defined(__SANITIZE_ADDRESS__)
enum { EXHIBIT_STEP = 3 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { EXHIBIT_STEP = 3 };
#else
enum { EXHIBIT_STEP = 1 };
#endif
#else
enum { EXHIBIT_STEP = 1 };
#endif

enum { GALLERY_SEED = 1 };

/* The twin in the place of the bug, and the other way round. */
static inline pe_exhibit without_bug(const pe_exhibit *e)
{
    pe_exhibit right = *e;
    right.bug = e->twin;
    return right;
}

static inline pe_exhibit without_twin(const pe_exhibit *e)
{
    pe_exhibit wrong = *e;
    wrong.twin = e->bug;
    return wrong;
}

#endif
