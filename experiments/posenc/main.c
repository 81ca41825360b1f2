/* posenc: one program, many verbs (verbs.h). */
#include "verbs.h"

#include "cli/program.h"

int main(int argc, char **argv)
{
    return pe_cli_main(&posenc_program, argc, argv);
}
