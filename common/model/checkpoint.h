/* Parameters and training states as safetensors files, which other tools read: every block under
 * its name (model.h), F32; of a training also optimiser.m.NAME, optimiser.v.NAME and the record,
 * and in the metadata the step, a checksum and every setting that decides the course of the
 * training.
 *
 * A training alternates between FOLDER/checkpoint.a.safetensors and checkpoint.b.safetensors, each
 * written through io/output.h, so one of the two is whole whatever happens. */
#ifndef PE_MODEL_CHECKPOINT_H
#define PE_MODEL_CHECKPOINT_H

#include "model/train.h"

/* The parameters alone (--export-initial, and what experiments keep).
 *   PE_WRITE, PE_MEMORY */
pe_status pe_model_save(const pe_model *model, const char *path, pe_error *err);
/* Take the parameters from a file, by name; other tensors in it are passed over.
 *   PE_FORMAT  not readable, a block missing or of another shape; the model is then unchanged */
pe_status pe_model_load(pe_model *model, const char *path, pe_error *err);

/* Write the older of the two checkpoints anew, and FOLDER/log.csv (step, loss, held_out). */
pe_status pe_training_save(pe_training *training, pe_error *err);

/* Go on from the newer checkpoint of config.folder that is whole. When one is damaged, `note` (room
 * for PE_ERROR_TEXT, may be NULL) says so, else it is "". Then pe_training_run gives the same bytes
 * as if nothing had happened.
 *   PE_FORMAT  there is none, or both are damaged
 *   PE_USAGE   made with other settings: the first key that differs, and both values */
pe_status pe_training_resume(pe_training *training, char *note, pe_error *err);

#endif
