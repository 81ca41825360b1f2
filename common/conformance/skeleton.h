/* `posenc plugin new NAME`: a folder with a small whole variant that builds, passes the suite and
 * is meant to be changed. */
#ifndef PE_CONFORMANCE_SKELETON_H
#define PE_CONFORMANCE_SKELETON_H

#include "base/status.h"

/* Write FOLDER/NAME/NAME.c, CMakeLists.txt, test.sh and README.md.
 *   PE_USAGE   name is not [a-z][a-z0-9_]* of at most 40 characters, is a word of C, or
 *              FOLDER/NAME exists
 *   PE_WRITE   something could not be written; what was begun is removed
 *   PE_MEMORY */
pe_status pe_plugin_new(const char *folder, const char *name, pe_error *err);

#endif
