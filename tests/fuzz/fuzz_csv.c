/* Any bytes as a table of numbers: refused with a sentence, or values that print and parse back to
 * themselves. */
#include "fuzz.h"
#include "io/csv.h"
#include "io/decimal.h"

#include <math.h>
#include <string.h>

int accepted;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    pe_csv_table t = {0};
    pe_error err = {0};
    pe_status status = pe_csv_read_memory((const char *)bytes, size, "fuzz", &t, &err);
    require(status == PE_OK || (status == err.status && err.text[0] && !t.values && !t.names));
    size_t nonfinite = 0;
    for (size_t i = 0; i < t.rows * t.columns; i++) {
        char text[PE_DECIMAL_TEXT];
        double back = 0;
        pe_f64_text(t.values[i], text);
        require(pe_parse_f64(text, strlen(text), &back));
        require(isnan(back) || memcmp(&back, &t.values[i], sizeof back) == 0);
        nonfinite += isfinite(back) ? 0 : 1;
    }
    require(nonfinite == t.nonfinite);
    pe_csv_table_release(&t);
    require(pe_live_blocks() == 0);
    accepted = status == PE_OK;
    return 0;
}
