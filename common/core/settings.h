/* From text settings to option values, checked against a variant's option table. */
#ifndef PE_CORE_SETTINGS_H
#define PE_CORE_SETTINGS_H

#include "core/instance.h"

enum { PE_MAX_LIST = 512 };

/* Fill opt[0 .. option_count-1] from defaults, then from the settings. The numbers live in one
 * block that pe_settings_release frees (through opt[0]). PE_USAGE names option, value and what is
 * right. */
pe_status pe_settings_read(const pe_variant *variant, const pe_setting *settings, int count,
                           pe_value *opt, pe_error *err);
void pe_settings_release(pe_value *opt);

#endif
