/* One writer for a folder at a time. */
#ifndef PE_IO_LOCK_H
#define PE_IO_LOCK_H

#include "base/status.h"

typedef struct pe_folder_lock {
    int descriptor; /* of the folder; -1: nothing is held */
} pe_folder_lock;

/* Hold a folder that exists until pe_folder_unlock or the end of the process, however it ends: the
 * system drops the lock, so none is ever stale, and no file is left. Two locks of one process keep
 * each other out as well. On a file system without locks nothing is held and all is well.
 *   PE_WRITE  somebody else holds it (the sentence names the process), or it cannot be opened */
pe_status pe_folder_lock_take(const char *folder, pe_folder_lock *lock, pe_error *err);
void pe_folder_unlock(pe_folder_lock *lock); /* all zeros or released: does nothing */

#endif
