/* `posenc gallery train`. Private to the verb gallery. */
#ifndef POSENC_GALLERY_TRAIN_H
#define POSENC_GALLERY_TRAIN_H

#include "cli/options.h"
#include "gallery/trained.h"

extern const pe_cli_group gallery_train_options;

/* Before the lab is opened: what --quick and --preset say. */
void gallery_train_size(const pe_cli *cli, pe_lab_size *size);

/* Train n exhibits beside their twins and print a row for each; one that cannot be trained says
 * why. */
pe_status gallery_train(const pe_cli *cli, pe_lab *lab, size_t n, const pe_exhibit *const *list,
                        pe_error *err);

#endif
