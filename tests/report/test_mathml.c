#include "report/mathml.h"
#include "report/sha256.h"

#include "base/memory.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char html[1 << 16], unknown[PE_MATHML_UNKNOWN];

static const char *mathml(const char *tex, int display)
{
    pe_buffer out = {0};
    CU_ASSERT_EQUAL(pe_mathml(tex, display, &out, unknown, NULL), PE_OK);
    snprintf(html, sizeof html, "%s", out.bytes ? out.bytes : "");
    pe_buffer_release(&out);
    return html;
}

/* Every element closed, in order; no stray < or &. */
static int is_balanced(const char *text)
{
    char stack[512][16];
    size_t depth = 0;
    for (const char *at = text; (at = strchr(at, '<')); at++) {
        char name[16] = "";
        int closes = at[1] == '/';
        sscanf(at + 1 + closes, "%15[a-z]", name);
        if (!*name || !strchr(at, '>'))
            return 0;
        if (closes && (depth == 0 || strcmp(stack[--depth], name) != 0))
            return 0;
        if (!closes && depth < 512)
            strcpy(stack[depth++], name);
    }
    return depth == 0;
}

static void a_fraction_with_scripts_is_nested_as_in_tex(void)
{
    CU_ASSERT_STRING_EQUAL(mathml("\\frac{a_i}{2^k}", 0),
                           "<math><mrow><mfrac><mrow><msub><mi>a</mi><mrow><mi>i</mi></mrow></msub>"
                           "</mrow><mrow><msup><mn>2</mn><mrow><mi>k</mi></mrow></msup></mrow>"
                           "</mfrac></mrow></math>");
    CU_ASSERT_STRING_EQUAL(unknown, "");
}

static void limits_stand_below_and_above_in_display_only(void)
{
    PE_CONTAINS(mathml("\\sum_{i=1}^n x_i", 1), "<munderover><mo>∑</mo>");
    PE_CONTAINS(mathml("\\sum_{i=1}^n x_i", 0), "<msubsup><mo>∑</mo>");
    PE_CONTAINS(mathml("\\max_j", 1), "<munder><mo movablelimits=\"true\">max</mo>");
}

static void environments_become_tables(void)
{
    PE_CONTAINS(mathml("\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}", 1), "<mtable><mtr>");
    size_t cells = 0;
    for (const char *at = html; (at = strstr(at, "<mtd")); at++)
        cells++;
    CU_ASSERT_EQUAL(cells, 4);
    PE_CONTAINS(
        mathml("f(x)=\\begin{cases} x & x \\ge 0 \\\\ 0 & \\text{otherwise} \\\\ \\end{cases}", 1),
        "<mtext>otherwise</mtext>");
    CU_ASSERT_STRING_EQUAL(unknown, "");
}

/* The formulas of METRICS.md and of the papers use these. */
static void the_formulas_of_this_project_are_all_understood(void)
{
    static const char *const formulas[] = {
        "e_{ij} = \\frac{x_i W^Q (x_j W^K + a_{ij}^K)^\\top}{\\sqrt{d_z}}",
        "PE_{(pos,2i)} = \\sin\\left(\\frac{pos}{10000^{2i/d_{\\mathrm{model}}}}\\right)",
        "\\mathrm{softmax}(q_i^\\top K + m \\cdot [-(i-1), \\ldots, -1, 0])",
        "R_{\\Theta,m} = \\begin{pmatrix} \\cos m\\theta & -\\sin m\\theta \\\\ \\sin m\\theta & "
        "\\cos m\\theta \\end{pmatrix}",
        "g(k) = \\frac{2}{d} \\sum_{i=0}^{d/2-1} \\cos(\\omega_i k), \\quad \\omega_i = "
        "10000^{-2i/d}",
        "R^2_T = 1 - \\frac{\\lVert S - \\bar S_T \\rVert_F^2}{\\lVert S - \\bar s \\rVert_F^2} "
        "\\in (-\\infty, 1]",
        "\\operatorname{bucket}(n) = \\left\\lfloor 8 + 8 \\log\\frac{n}{8} / \\log 16 "
        "\\right\\rfloor",
        "\\hat f(\\xi) \\approx \\prod_{t \\le T} \\exp(-\\lambda t), \\; \\lambda \\to 0",
        "\\mathbf{x}' = \\mathbb{E}\\,\\mathcal{L} \\ne \\min_{\\theta}\\max_{i<j} \\left| "
        "\\delta_{ij} \\right|",
        "\\sqrt[3]{x} \\pm \\binom{n}{k}, a \\in \\{0, 1\\}, x^{a^{b^c}}, f''(x), \\left. y "
        "\\right|_{0}",
        "\\ln x \\ge 0.5 \\times 10^{-3}\\,\\%",
    };
    for (size_t i = 0; i < sizeof formulas / sizeof formulas[0]; i++) {
        mathml(formulas[i], 1);
        CU_ASSERT_STRING_EQUAL(unknown, "");
        CU_ASSERT(is_balanced(html));
        CU_ASSERT_PTR_NULL(strstr(html, "\\"));
    }
}

static void what_is_unknown_is_shown_and_told(void)
{
    PE_CONTAINS(mathml("a + \\unheardof{b}", 0), "<mtext>\\unheardof</mtext>");
    CU_ASSERT_STRING_EQUAL(unknown, "\\unheardof");
    mathml("\\begin{picture} x \\end{picture}", 0);
    CU_ASSERT_STRING_EQUAL(unknown, "picture");
    mathml("a } b", 0);
    CU_ASSERT_STRING_EQUAL(unknown, "}");
    CU_ASSERT(is_balanced(html));
}

static void output_is_escaped(void)
{
    mathml("<script> \\text{<b>&\"'} \\mathrm{</math>} \\foo<x>", 0);
    CU_ASSERT_PTR_NULL(strstr(html, "<script"));
    CU_ASSERT_PTR_NULL(strstr(html, "<b>"));
    PE_CONTAINS(html, "<mtext>&lt;b&gt;&amp;&quot;&#39;</mtext>");
    CU_ASSERT(is_balanced(html));
}

/* Random strings from the alphabet of TeX: always balanced, never a crash. */
static void any_text_gives_balanced_elements(void)
{
    static const char *const piece[] = {"{",
                                        "}",
                                        "\\frac",
                                        "^",
                                        "_",
                                        "&",
                                        "\\\\",
                                        "\\left",
                                        "(",
                                        "\\right",
                                        ")",
                                        "[",
                                        "]",
                                        "\\sqrt",
                                        "\\begin{cases}",
                                        "\\end{cases}",
                                        "\\text",
                                        "x",
                                        "12.5",
                                        "'",
                                        "\\",
                                        "$",
                                        "é",
                                        "\\hat",
                                        "\xff",
                                        " ",
                                        "\\begin",
                                        "\\end",
                                        "\\sum",
                                        "\\limits",
                                        "<",
                                        "\\mathbb",
                                        "."};
    enum { PIECES = sizeof piece / sizeof piece[0] };
    unsigned state = 2385;
    for (int round = 0; round < 20000; round++) {
        char tex[256] = "";
        for (int i = 0; i < 14; i++) {
            state = state * 1103515245u + 12345u;
            strcat(tex, piece[(state >> 16) % PIECES]);
        }
        mathml(tex, round & 1);
        if (!is_balanced(html)) {
            CU_FAIL("not balanced");
            printf("  %s\n  %s\n", tex, html);
            return;
        }
    }
}

static void nesting_is_limited(void)
{
    char *deep = malloc(400001);
    for (int i = 0; i < 100000; i++)
        memcpy(deep + 4 * i, "{x^{", 4);
    deep[400000] = '\0';
    pe_buffer out = {0};
    CU_ASSERT_EQUAL(pe_mathml(deep, 1, &out, unknown, NULL), PE_OK);
    CU_ASSERT(strlen(unknown) > 0);
    pe_buffer_release(&out);
    free(deep);
}

static void every_failed_allocation_is_told_and_leaves_nothing(void)
{
    long blocks = pe_live_blocks(), allowed = 0;
    pe_status status = PE_MEMORY;
    for (; status == PE_MEMORY && allowed < 500; allowed++) {
        pe_buffer out = {0};
        pe_fail_allocations_after(allowed);
        status =
            pe_mathml("\\sqrt[3]{x_i^2} + \\begin{cases} a & b \\\\ c & \\frac{1}{2} \\end{cases}",
                      1, &out, NULL, NULL);
        pe_fail_allocations_after(-1);
        pe_buffer_release(&out);
        CU_ASSERT_EQUAL(pe_live_blocks(), blocks);
    }
    CU_ASSERT_EQUAL(status, PE_OK);
    CU_ASSERT(allowed > 10);
}

/* FIPS 180-4 examples, and the lengths around a block from Python's hashlib. */
static void sha256_agrees_with_the_standard(void)
{
    char text[PE_SHA256_TEXT];
    pe_sha256("", 0, text);
    CU_ASSERT_STRING_EQUAL(text,
                           "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    pe_sha256("abc", 3, text);
    CU_ASSERT_STRING_EQUAL(text,
                           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    pe_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, text);
    CU_ASSERT_STRING_EQUAL(text,
                           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    char *million = malloc(1000000);
    memset(million, 'a', 1000000);
    pe_sha256(million, 1000000, text);
    CU_ASSERT_STRING_EQUAL(text,
                           "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    static const struct {
        size_t size;
        const char *digest;
    } known[] = {
        {55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
        {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
        {63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
        {64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
        {65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
        {119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
        {120, "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        pe_sha256(million, known[i].size, text);
        CU_ASSERT_STRING_EQUAL(text, known[i].digest);
    }
    free(million);
}

PE_TEST_MAIN("report: formulas and digests", PE_TEST(a_fraction_with_scripts_is_nested_as_in_tex),
             PE_TEST(limits_stand_below_and_above_in_display_only),
             PE_TEST(environments_become_tables),
             PE_TEST(the_formulas_of_this_project_are_all_understood),
             PE_TEST(what_is_unknown_is_shown_and_told), PE_TEST(output_is_escaped),
             PE_TEST(any_text_gives_balanced_elements), PE_TEST(nesting_is_limited),
             PE_TEST(every_failed_allocation_is_told_and_leaves_nothing),
             PE_TEST(sha256_agrees_with_the_standard))
