/* Any bytes as a safetensors file: refused with a sentence, or tensors that tile the data. */
#include "fuzz.h"
#include "io/safetensors.h"

static void read_all(const pe_safetensors *f, size_t size)
{
    size_t sum = 0;
    for (size_t i = 0; i < pe_safetensors_count(f); i++) {
        const pe_safetensors_entry *e = pe_safetensors_at(f, i);
        pe_tensor t = {0};
        pe_status status = pe_safetensors_read(f, e->name, size, &t, NULL);
        require(status == (e->readable ? PE_OK : PE_FORMAT));
        require(status != PE_OK || t.count * pe_dtype_size(t.dtype) == e->end - e->begin);
        sum += e->end - e->begin;
        pe_tensor_release(&t);
    }
    require(sum <= size);
}

int accepted;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    pe_safetensors *f = NULL;
    pe_error err = {0};
    pe_tensor t = {0};
    pe_status status = pe_safetensors_open_memory(bytes, size, "fuzz", &f, &err);
    require(status == PE_OK || (status == err.status && err.text[0] && !f));
    if (status == PE_OK) {
        read_all(f, size);
        (void)pe_safetensors_metadata(f, "format");
        if (pe_safetensors_read(f, "no such name", size, &t, NULL) == PE_OK)
            pe_tensor_release(&t);
    }
    pe_safetensors_close(f);
    require(pe_live_blocks() == 0);
    accepted = status == PE_OK;
    return 0;
}
