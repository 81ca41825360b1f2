/* Any bytes as a case.json: refused with a sentence, or a case whose names stay in its folder. */
#include "fuzz.h"
#include "io/case.h"

#include <string.h>

static void ask_everything(const pe_case *c)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)pe_case_options(c), key, value)
    {
        int64_t whole;
        double real, *list = NULL;
        int flag;
        size_t count;
        const char *text;
        pe_option_kind kind = pe_case_option_kind(c, key);
        require(kind != PE_OPTION_ABSENT);
        require((pe_case_int(c, key, 0, &whole, NULL) == PE_OK) ==
                (kind == PE_OPTION_INT || kind == PE_OPTION_NULL));
        (void)pe_case_real(c, key, 0, &real, NULL);
        (void)pe_case_bool(c, key, 0, &flag, NULL);
        (void)pe_case_string(c, key, "", &text, NULL);
        if (pe_case_list(c, key, &list, &count, NULL) == PE_OK)
            pe_release(list);
    }
}

int accepted;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    pe_case *c = NULL;
    pe_error err = {0};
    pe_tensor t = {0};
    pe_status status = pe_case_open_memory((const char *)bytes, size, "/nonexistent", &c, &err);
    require(status == PE_OK || (status == err.status && err.text[0] && !c));
    if (status == PE_OK) {
        ask_everything(c);
        require(pe_case_name(c) && pe_case_variant(c) && pe_case_formula(c));
        for (size_t i = 0; i < pe_case_file_count(c); i++) {
            const pe_case_file *f = pe_case_file_at(c, i);
            require(f->name[0] != '.' && !strchr(f->name, '/') && pe_case_find(c, f->name) == f);
            require(pe_case_tensor(c, f->name, &t, NULL) == PE_FORMAT);
        }
        require(pe_case_tensor(c, "no/such", &t, NULL) == PE_USAGE);
    }
    pe_case_close(c);
    require(pe_live_blocks() == 0);
    accepted = status == PE_OK;
    return 0;
}
