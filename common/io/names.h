/* "Did you mean" lives in base, where rooms without files can use it, too. */
#ifndef PE_IO_NAMES_H
#define PE_IO_NAMES_H

#include "base/names.h"

#endif
