/* A task from inside. Private to this room. */
#ifndef PE_MODEL_TASK_INSIDE_H
#define PE_MODEL_TASK_INSIDE_H

#include "io/input.h"
#include "model/task.h"

enum { PE_EXTRA_TOKENS = 3 }; /* SEP, END, PAD, after the symbols */

struct pe_task {
    pe_task_config config;
    char *path; /* owned */
    pe_input text;
    bool open;
    int64_t bytes[2]; /* of the two splits */
};

#endif
