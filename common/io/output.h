/* The one way any file is written. The bytes go to `.NAME.PID.tmp` in the same folder; commit
 * checks every write, flushes, fsyncs, closes, renames over the final name and fsyncs the folder.
 * Until then the old file is what it was, and when anything fails the temporary file is removed.
 *
 * One exception to "the old file is intact": when only the very last step, the fsync of the folder,
 * fails, the new file is complete and in place, but may not survive a power cut; the sentence says
 * so.
 *
 * A symbolic link as path is replaced, not followed. "-" is standard output; it and anything that
 * is not a regular file (a pipe, /dev/null, /dev/stdout) are written directly, without a temporary.
 *
 * Going over a file size limit (ulimit -f) is an error like a full disk, whether or not the program
 * ignores SIGXFSZ. */
#ifndef PE_IO_OUTPUT_H
#define PE_IO_OUTPUT_H

#include "base/status.h"

#include <stddef.h>
#include <stdio.h>

typedef struct pe_output pe_output;

/* NULL on failure (err says why: PE_WRITE or PE_MEMORY). The folder must exist. */
pe_output *pe_output_begin(const char *path, pe_error *err);

/* Lent: for fprintf and the like, never for fclose. Errors are remembered until commit. */
FILE *pe_output_stream(pe_output *out);

/* PE_WRITE as soon as a write has failed, so that a long computation can stop early. */
pe_status pe_output_write(pe_output *out, const void *bytes, size_t size, pe_error *err);

/* Ends out either way. PE_WRITE names the path and the reason and, on a full disk, how many bytes
 * were wanted and how many are free. */
pe_status pe_output_commit(pe_output *out, pe_error *err);
void pe_output_abandon(pe_output *out); /* nothing stays behind; NULL does nothing */

/* Make a folder, with its parents, and prove that a file can be written in it. */
pe_status pe_output_folder(const char *path, pe_error *err);

/* Can a file be written under this path? Asked before a long computation; nothing stays behind, and
 * an old file is intact. PE_WRITE, PE_MEMORY */
pe_status pe_output_possible(const char *path, pe_error *err);

/* Remove from a folder the temporary files of runs that no longer live (killed, power cut), and
 * only those. *removed, when not NULL, is how many. PE_WRITE when the folder cannot be read or a
 * file not be removed. */
pe_status pe_output_remove_leftovers(const char *folder, size_t *removed, pe_error *err);

/* For tests: let `allowed` steps (create, write, fsync, close, rename) through and make the next
 * one fail, once, as a full disk would; negative: never. */
void pe_fail_writes_after(long allowed);

#endif
