/* Any bytes as a .npy file: refused with a sentence, or a tensor that fills exactly its bytes. */
#include "fuzz.h"
#include "io/npy.h"

#include <string.h>

int accepted;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    pe_tensor t = {0};
    pe_error err = {0};
    pe_status status = pe_npy_read_memory(bytes, size, "fuzz", 1 << 20, &t, &err);
    require(status == PE_OK || (status == err.status && err.text[0]));
    if (status == PE_OK) {
        size_t count = 0;
        double *values = NULL;
        require(pe_shape_count(t.rank, t.shape, pe_dtype_size(t.dtype), &count));
        require(count == t.count && count * pe_dtype_size(t.dtype) < size);
        if (pe_tensor_as_doubles(&t, "fuzz", &values, NULL, NULL) == PE_OK)
            pe_release(values);
    } else {
        require(t.data == NULL);
    }
    pe_tensor_release(&t);
    require(pe_live_blocks() == 0);
    accepted = status == PE_OK;
    return 0;
}
