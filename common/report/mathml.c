/* Recursive descent over TeX's mathematics: a row of terms, a term with its scripts, an atom. */
#include "report/mathml.h"

#include "plot/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { DEEPEST = 64 };

typedef struct parser {
    const char *at;
    int depth, display;
    char *unknown; /* of PE_MATHML_UNKNOWN bytes, or NULL */
} parser;

typedef enum kind {
    LETTER,   /* <mi> */
    UPRIGHT,  /* <mi mathvariant="normal">: a capital Greek letter, a function's name */
    OPERATOR, /* <mo> */
    LIMITS,   /* an operator or a name whose scripts go below and above */
    SPACE     /* <mspace width="text"> */
} kind;

typedef struct symbol {
    const char *name, *text;
    kind kind;
} symbol;

static const symbol symbols[] = {
    {"alpha", "α", LETTER},
    {"beta", "β", LETTER},
    {"gamma", "γ", LETTER},
    {"delta", "δ", LETTER},
    {"epsilon", "ϵ", LETTER},
    {"varepsilon", "ε", LETTER},
    {"zeta", "ζ", LETTER},
    {"eta", "η", LETTER},
    {"theta", "θ", LETTER},
    {"vartheta", "ϑ", LETTER},
    {"iota", "ι", LETTER},
    {"kappa", "κ", LETTER},
    {"lambda", "λ", LETTER},
    {"mu", "μ", LETTER},
    {"nu", "ν", LETTER},
    {"xi", "ξ", LETTER},
    {"pi", "π", LETTER},
    {"rho", "ρ", LETTER},
    {"sigma", "σ", LETTER},
    {"tau", "τ", LETTER},
    {"upsilon", "υ", LETTER},
    {"phi", "ϕ", LETTER},
    {"varphi", "φ", LETTER},
    {"chi", "χ", LETTER},
    {"psi", "ψ", LETTER},
    {"omega", "ω", LETTER},
    {"ell", "ℓ", LETTER},
    {"hbar", "ℏ", LETTER},
    {"Gamma", "Γ", UPRIGHT},
    {"Delta", "Δ", UPRIGHT},
    {"Theta", "Θ", UPRIGHT},
    {"Lambda", "Λ", UPRIGHT},
    {"Xi", "Ξ", UPRIGHT},
    {"Pi", "Π", UPRIGHT},
    {"Sigma", "Σ", UPRIGHT},
    {"Upsilon", "Υ", UPRIGHT},
    {"Phi", "Φ", UPRIGHT},
    {"Psi", "Ψ", UPRIGHT},
    {"Omega", "Ω", UPRIGHT},
    {"infty", "∞", UPRIGHT},
    {"partial", "∂", UPRIGHT},
    {"nabla", "∇", UPRIGHT},
    {"emptyset", "∅", UPRIGHT},
    {"Re", "ℜ", UPRIGHT},
    {"Im", "ℑ", UPRIGHT},
    {"sin", "sin", UPRIGHT},
    {"cos", "cos", UPRIGHT},
    {"tan", "tan", UPRIGHT},
    {"sinh", "sinh", UPRIGHT},
    {"cosh", "cosh", UPRIGHT},
    {"tanh", "tanh", UPRIGHT},
    {"arcsin", "arcsin", UPRIGHT},
    {"arccos", "arccos", UPRIGHT},
    {"arctan", "arctan", UPRIGHT},
    {"exp", "exp", UPRIGHT},
    {"log", "log", UPRIGHT},
    {"ln", "ln", UPRIGHT},
    {"arg", "arg", UPRIGHT},
    {"deg", "deg", UPRIGHT},
    {"dim", "dim", UPRIGHT},
    {"max", "max", LIMITS},
    {"min", "min", LIMITS},
    {"sup", "sup", LIMITS},
    {"inf", "inf", LIMITS},
    {"lim", "lim", LIMITS},
    {"det", "det", LIMITS},
    {"sum", "∑", LIMITS},
    {"prod", "∏", LIMITS},
    {"bigcup", "⋃", LIMITS},
    {"bigcap", "⋂", LIMITS},
    {"int", "∫", OPERATOR},
    {"cdot", "⋅", OPERATOR},
    {"cdots", "⋯", OPERATOR},
    {"ldots", "…", OPERATOR},
    {"dots", "…", OPERATOR},
    {"vdots", "⋮", OPERATOR},
    {"ddots", "⋱", OPERATOR},
    {"times", "×", OPERATOR},
    {"div", "÷", OPERATOR},
    {"pm", "±", OPERATOR},
    {"mp", "∓", OPERATOR},
    {"circ", "∘", OPERATOR},
    {"odot", "⊙", OPERATOR},
    {"oplus", "⊕", OPERATOR},
    {"otimes", "⊗", OPERATOR},
    {"star", "⋆", OPERATOR},
    {"ast", "∗", OPERATOR},
    {"le", "≤", OPERATOR},
    {"leq", "≤", OPERATOR},
    {"ge", "≥", OPERATOR},
    {"geq", "≥", OPERATOR},
    {"lt", "<", OPERATOR},
    {"gt", ">", OPERATOR},
    {"ll", "≪", OPERATOR},
    {"gg", "≫", OPERATOR},
    {"ne", "≠", OPERATOR},
    {"neq", "≠", OPERATOR},
    {"approx", "≈", OPERATOR},
    {"sim", "∼", OPERATOR},
    {"equiv", "≡", OPERATOR},
    {"propto", "∝", OPERATOR},
    {"in", "∈", OPERATOR},
    {"notin", "∉", OPERATOR},
    {"subset", "⊂", OPERATOR},
    {"subseteq", "⊆", OPERATOR},
    {"cup", "∪", OPERATOR},
    {"cap", "∩", OPERATOR},
    {"setminus", "∖", OPERATOR},
    {"forall", "∀", OPERATOR},
    {"exists", "∃", OPERATOR},
    {"neg", "¬", OPERATOR},
    {"land", "∧", OPERATOR},
    {"lor", "∨", OPERATOR},
    {"to", "→", OPERATOR},
    {"rightarrow", "→", OPERATOR},
    {"leftarrow", "←", OPERATOR},
    {"leftrightarrow", "↔", OPERATOR},
    {"Rightarrow", "⇒", OPERATOR},
    {"Leftrightarrow", "⇔", OPERATOR},
    {"iff", "⇔", OPERATOR},
    {"mapsto", "↦", OPERATOR},
    {"mid", "∣", OPERATOR},
    {"parallel", "∥", OPERATOR},
    {"perp", "⊥", OPERATOR},
    {"top", "⊤", OPERATOR},
    {"prime", "′", OPERATOR},
    {"dagger", "†", OPERATOR},
    {"lfloor", "⌊", OPERATOR},
    {"rfloor", "⌋", OPERATOR},
    {"lceil", "⌈", OPERATOR},
    {"rceil", "⌉", OPERATOR},
    {"langle", "⟨", OPERATOR},
    {"rangle", "⟩", OPERATOR},
    {"lvert", "|", OPERATOR},
    {"rvert", "|", OPERATOR},
    {"lVert", "‖", OPERATOR},
    {"rVert", "‖", OPERATOR},
    {"|", "‖", OPERATOR},
    {"{", "{", OPERATOR},
    {"}", "}", OPERATOR},
    {"%", "%", OPERATOR},
    {"#", "#", OPERATOR},
    {"&", "&", OPERATOR},
    {"_", "_", OPERATOR},
    {"$", "$", OPERATOR},
    {"bmod", "mod", OPERATOR},
    {",", "0.167em", SPACE},
    {":", "0.222em", SPACE},
    {";", "0.278em", SPACE},
    {"!", "-0.167em", SPACE},
    {" ", "0.33em", SPACE},
    {"quad", "1em", SPACE},
    {"qquad", "2em", SPACE},
};

/* ---- output ---- */

static void put_escaped(pe_buffer *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char *entity = text[i] == '&'    ? "&amp;"
                             : text[i] == '<'  ? "&lt;"
                             : text[i] == '>'  ? "&gt;"
                             : text[i] == '"'  ? "&quot;"
                             : text[i] == '\'' ? "&#39;"
                                               : NULL;
        if (entity)
            pe_buffer_text(out, entity);
        else if ((unsigned char)text[i] >= 0x20)
            pe_buffer_append(out, text + i, 1);
    }
}

static void put(pe_buffer *out, const char *element, const char *attributes, const char *text,
                size_t size)
{
    pe_buffer_format(out, "<%s%s>", element, attributes);
    put_escaped(out, text, size);
    pe_buffer_format(out, "</%s>", element);
}

/* Shown as it stands, and told. */
static void put_unknown(parser *p, pe_buffer *out, const char *text, size_t size)
{
    put(out, "mtext", "", text, size);
    if (!p->unknown || p->unknown[0] || size == 0)
        return;
    size_t kept = size < PE_MATHML_UNKNOWN - 1 ? size : PE_MATHML_UNKNOWN - 1;
    while (kept && ((unsigned char)text[kept] & 0xc0) == 0x80)
        kept--; /* never inside a character */
    memcpy(p->unknown, text, kept);
    p->unknown[kept] = '\0';
}

/* ---- input ---- */

static void skip_blanks(parser *p)
{
    while (isspace((unsigned char)*p->at))
        p->at++;
}

/* The name after a backslash: letters, or one other character. Bytes of it. */
static size_t command_size(const char *after_backslash)
{
    size_t size = 0;
    unsigned code;
    while (isalpha((unsigned char)after_backslash[size]))
        size++;
    return size ? size : pe_utf8_next(after_backslash, &code);
}

static int is_command(const parser *p, const char *name)
{
    size_t size = strlen(name);
    return p->at[0] == '\\' && command_size(p->at + 1) == size &&
           memcmp(p->at + 1, name, size) == 0;
}

static const symbol *find_symbol(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++)
        if (strlen(symbols[i].name) == size && memcmp(symbols[i].name, name, size) == 0)
            return &symbols[i];
    return NULL;
}

/* The inside of {...} as it stands; without a brace, one character. Lent. */
static const char *raw_group(parser *p, size_t *size)
{
    unsigned code;
    skip_blanks(p);
    if (*p->at != '{') {
        const char *one = p->at;
        *size = pe_utf8_next(p->at, &code);
        p->at += *size;
        return one;
    }
    const char *start = ++p->at;
    int depth = 1;
    for (; *p->at; p->at++) {
        if (p->at[0] == '\\' && p->at[1])
            p->at++;
        else if (*p->at == '{')
            depth++;
        else if (*p->at == '}' && --depth == 0)
            break;
    }
    *size = (size_t)(p->at - start);
    if (*p->at)
        p->at++;
    return start;
}

/* ---- the grammar ---- */

static void parse_row(parser *p, pe_buffer *out, int in_brackets);
static int parse_atom(parser *p, pe_buffer *out);

/* One argument: a group, or a single atom. */
static void parse_argument(parser *p, pe_buffer *out)
{
    skip_blanks(p);
    if (*p->at == '\0' || *p->at == '}' || *p->at == '&')
        pe_buffer_text(out, "<mrow></mrow>");
    else
        parse_atom(p, out);
}

static void parse_group(parser *p, pe_buffer *out)
{
    p->at++;
    pe_buffer_text(out, "<mrow>");
    parse_row(p, out, 0);
    pe_buffer_text(out, "</mrow>");
    if (*p->at == '}')
        p->at++;
}

static void parse_two(parser *p, pe_buffer *out, const char *before, const char *after)
{
    pe_buffer_text(out, before);
    parse_argument(p, out);
    parse_argument(p, out);
    pe_buffer_text(out, after);
}

static void parse_root(parser *p, pe_buffer *out)
{
    pe_buffer index = {0};
    skip_blanks(p);
    int has_index = *p->at == '[';
    if (has_index) {
        p->at++;
        parse_row(p, &index, 1);
        if (*p->at == ']')
            p->at++;
    }
    pe_buffer_text(out, has_index ? "<mroot>" : "<msqrt>");
    parse_argument(p, out);
    if (has_index) {
        pe_buffer_text(out, "<mrow>");
        pe_buffer_text(out, index.bytes ? index.bytes : "");
        pe_buffer_text(out, "</mrow>");
    }
    pe_buffer_text(out, has_index ? "</mroot>" : "</msqrt>");
    if (index.status != PE_OK)
        out->status = index.status;
    pe_buffer_release(&index);
}

static void parse_accent(parser *p, pe_buffer *out, const char *mark, int below)
{
    pe_buffer_text(out, below ? "<munder>" : "<mover accent=\"true\">");
    parse_argument(p, out);
    put(out, "mo", " stretchy=\"false\"", mark, strlen(mark));
    pe_buffer_text(out, below ? "</munder>" : "</mover>");
}

/* Mathematical letters have their own characters (Unicode, block "Mathematical Alphanumeric
 * Symbols"); those that Unicode had before are missing from it. */
static unsigned styled(char c, char style)
{
    static const char script_old[] = "BEFHILMRego";
    static const unsigned script_new[] = {0x212c, 0x2130, 0x2131, 0x210b, 0x2110, 0x2112,
                                          0x2133, 0x211b, 0x212f, 0x210a, 0x2134};
    static const char double_old[] = "CHNPQRZ";
    static const unsigned double_new[] = {0x2102, 0x210d, 0x2115, 0x2119, 0x211a, 0x211d, 0x2124};
    const char *old = strchr(style == 's' ? script_old : style == 'd' ? double_old : "", c);
    if (old && c)
        return style == 's' ? script_new[old - script_old] : double_new[old - double_old];
    unsigned capital = style == 's' ? 0x1d49c : style == 'd' ? 0x1d538 : 0x1d400;
    if (c >= 'A' && c <= 'Z')
        return capital + (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return capital + 26 + (unsigned)(c - 'a');
    if (c >= '0' && c <= '9' && style != 's')
        return (style == 'd' ? 0x1d7d8 : 0x1d7ce) + (unsigned)(c - '0');
    return 0;
}

static void parse_styled(parser *p, pe_buffer *out, char style)
{
    size_t size;
    const char *text = raw_group(p, &size);
    pe_buffer_text(out, "<mi mathvariant=\"normal\">");
    for (size_t i = 0; i < size; i++) {
        unsigned code = styled(text[i], style);
        if (code)
            pe_buffer_format(out, "&#x%x;", code);
        else
            put_escaped(out, text + i, 1);
    }
    pe_buffer_text(out, "</mi>");
}

static void parse_text(parser *p, pe_buffer *out, const char *element, const char *attributes)
{
    size_t size;
    const char *text = raw_group(p, &size);
    put(out, element, attributes, text, size);
}

/* The delimiter after \left, \right and \big: "." is none. */
static void parse_delimiter(parser *p, pe_buffer *out)
{
    skip_blanks(p);
    const symbol *s = NULL;
    unsigned code;
    size_t size = pe_utf8_next(p->at, &code);
    const char *text = p->at;
    if (*p->at == '\\') {
        size_t name = command_size(p->at + 1);
        s = find_symbol(p->at + 1, name);
        size = name + 1;
    }
    p->at += size;
    if (s && s->kind == OPERATOR)
        put(out, "mo", " stretchy=\"true\" fence=\"true\"", s->text, strlen(s->text));
    else if (s || *text == '\\')
        put_unknown(p, out, text, size);
    else if (size && *text != '.')
        put(out, "mo", " stretchy=\"true\" fence=\"true\"", text, size);
}

static void parse_fenced(parser *p, pe_buffer *out)
{
    pe_buffer_text(out, "<mrow>");
    parse_delimiter(p, out);
    pe_buffer_text(out, "<mrow>");
    parse_row(p, out, 0);
    pe_buffer_text(out, "</mrow>");
    if (is_command(p, "right")) {
        p->at += strlen("\\right");
        parse_delimiter(p, out);
    }
    pe_buffer_text(out, "</mrow>");
}

typedef struct environment {
    const char *name, *open, *close, *align;
} environment;

static const environment environments[] = {
    {"cases", "{", "", "left"},      {"matrix", "", "", "center"},
    {"pmatrix", "(", ")", "center"}, {"bmatrix", "[", "]", "center"},
    {"vmatrix", "|", "|", "center"}, {"aligned", "", "", "left"},
};

static void fence(pe_buffer *out, const char *mark)
{
    if (*mark)
        put(out, "mo", " stretchy=\"true\" fence=\"true\"", mark, 1);
}

static void parse_cells(parser *p, pe_buffer *out, const environment *e)
{
    pe_buffer cell = {0};
    pe_buffer_format(&cell, "<mtd style=\"text-align:%s;padding:0.15em 0.4em\">", e->align);
    const char *begin = cell.bytes ? cell.bytes : "<mtd>";
    pe_buffer_format(out, "<mtable><mtr>%s", begin);
    for (;;) {
        parse_row(p, out, 0);
        if (*p->at == '&') {
            p->at++;
            pe_buffer_format(out, "</mtd>%s", begin);
        } else if (p->at[0] == '\\' && p->at[1] == '\\') {
            p->at += 2;
            skip_blanks(p);
            if (!is_command(p, "end"))
                pe_buffer_format(out, "</mtd></mtr><mtr>%s", begin);
        } else if (*p->at == '}' || is_command(p, "right")) {
            size_t size = *p->at == '}' ? 1 : strlen("\\right");
            put_unknown(p, out, p->at, size);
            p->at += size;
        } else {
            break;
        }
    }
    pe_buffer_text(out, "</mtd></mtr></mtable>");
    pe_buffer_release(&cell);
}

static void parse_environment(parser *p, pe_buffer *out)
{
    size_t size;
    const char *name = raw_group(p, &size);
    const environment *e = NULL;
    for (size_t i = 0; i < sizeof environments / sizeof environments[0]; i++)
        if (strlen(environments[i].name) == size && memcmp(environments[i].name, name, size) == 0)
            e = &environments[i];
    if (!e) {
        put_unknown(p, out, name, size);
        return;
    }
    pe_buffer_text(out, "<mrow>");
    fence(out, e->open);
    parse_cells(p, out, e);
    fence(out, e->close);
    pe_buffer_text(out, "</mrow>");
    if (is_command(p, "end")) {
        p->at += strlen("\\end");
        raw_group(p, &size);
    }
}

/* Commands with a grammar of their own. */
typedef enum action {
    FRAC,
    BINOM,
    ROOT,
    ACCENT,
    BELOW,
    TEXT,
    ROMAN,
    BOLD,
    DOUBLE,
    SCRIPT,
    FENCED,
    BIG,
    BEGIN,
    NOTHING
} action;

static const struct {
    const char *name;
    action action;
    const char *mark;
} commands[] = {
    {"frac", FRAC, ""},
    {"tfrac", FRAC, ""},
    {"dfrac", FRAC, ""},
    {"binom", BINOM, ""},
    {"sqrt", ROOT, ""},
    {"hat", ACCENT, "^"},
    {"widehat", ACCENT, "^"},
    {"bar", ACCENT, "¯"},
    {"overline", ACCENT, "‾"},
    {"tilde", ACCENT, "~"},
    {"widetilde", ACCENT, "~"},
    {"vec", ACCENT, "→"},
    {"dot", ACCENT, "˙"},
    {"ddot", ACCENT, "¨"},
    {"underline", BELOW, "_"},
    {"text", TEXT, ""},
    {"textrm", TEXT, ""},
    {"mbox", TEXT, ""},
    {"mathrm", ROMAN, ""},
    {"operatorname", ROMAN, ""},
    {"mathbf", BOLD, ""},
    {"boldsymbol", BOLD, ""},
    {"mathbb", DOUBLE, ""},
    {"mathcal", SCRIPT, ""},
    {"left", FENCED, ""},
    {"big", BIG, ""},
    {"bigl", BIG, ""},
    {"bigr", BIG, ""},
    {"Big", BIG, ""},
    {"Bigl", BIG, ""},
    {"Bigr", BIG, ""},
    {"begin", BEGIN, ""},
    {"displaystyle", NOTHING, ""},
    {"textstyle", NOTHING, ""},
    {"limits", NOTHING, ""},
    {"nolimits", NOTHING, ""},
};

static void act(parser *p, pe_buffer *out, action what, const char *mark)
{
    switch (what) {
    case FRAC:
        parse_two(p, out, "<mfrac>", "</mfrac>");
        break;
    case BINOM:
        parse_two(p, out, "<mrow><mo>(</mo><mfrac linethickness=\"0\">",
                  "</mfrac><mo>)</mo></mrow>");
        break;
    case ROOT:
        parse_root(p, out);
        break;
    case ACCENT:
    case BELOW:
        parse_accent(p, out, mark, what == BELOW);
        break;
    case TEXT:
        parse_text(p, out, "mtext", "");
        break;
    case ROMAN:
        parse_text(p, out, "mi", " mathvariant=\"normal\"");
        break;
    case BOLD:
    case DOUBLE:
    case SCRIPT:
        parse_styled(p, out, what == BOLD ? 'b' : what == DOUBLE ? 'd' : 's');
        break;
    case FENCED:
        parse_fenced(p, out);
        break;
    case BIG:
        parse_delimiter(p, out);
        break;
    case BEGIN:
        parse_environment(p, out);
        break;
    case NOTHING:
        break;
    }
}

/* The return says whether scripts go below and above. */
static int put_symbol(parser *p, pe_buffer *out, const symbol *s)
{
    if (s->kind == SPACE)
        pe_buffer_format(out, "<mspace width=\"%s\"></mspace>", s->text);
    else if (s->kind == LETTER)
        put(out, "mi", "", s->text, strlen(s->text));
    else if (s->kind == UPRIGHT)
        put(out, "mi", " mathvariant=\"normal\"", s->text, strlen(s->text));
    else if (s->kind == LIMITS && isalpha((unsigned char)s->text[0]))
        put(out, "mo", " movablelimits=\"true\"", s->text, strlen(s->text));
    else
        put(out, "mo", "", s->text, strlen(s->text));
    return s->kind == LIMITS && p->display;
}

static int parse_command(parser *p, pe_buffer *out)
{
    const char *start = p->at;
    size_t size = command_size(start + 1);
    p->at += 1 + size;
    const symbol *s = find_symbol(start + 1, size);
    if (s)
        return put_symbol(p, out, s);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strlen(commands[i].name) == size && memcmp(commands[i].name, start + 1, size) == 0) {
            act(p, out, commands[i].action, commands[i].mark);
            return 0;
        }
    put_unknown(p, out, start, size + 1);
    return 0;
}

static void parse_number(parser *p, pe_buffer *out)
{
    const char *start = p->at;
    while (isdigit((unsigned char)*p->at) || (*p->at == '.' && isdigit((unsigned char)p->at[1])))
        p->at++;
    put(out, "mn", "", start, (size_t)(p->at - start));
}

static void parse_character(parser *p, pe_buffer *out)
{
    unsigned code = 0;
    size_t size = pe_utf8_next(p->at, &code);
    const char *start = p->at;
    if (size == 0) { /* not UTF-8: one byte, shown as a question mark */
        p->at++;
        put_unknown(p, out, "?", 1);
        return;
    }
    p->at += size;
    if (*start == '-')
        put(out, "mo", "", "−", strlen("−"));
    else if (*start == '*')
        put(out, "mo", "", "∗", strlen("∗"));
    else if (isalpha((unsigned char)*start) || code >= 0x80)
        put(out, "mi", "", start, size);
    else if (*start == '~')
        pe_buffer_text(out, "<mspace width=\"0.33em\"></mspace>");
    else
        put(out, "mo", strchr("()[]|", *start) ? " stretchy=\"false\"" : "", start, size);
}

/* Exactly one element; see put_symbol for the return. */
static int parse_atom(parser *p, pe_buffer *out)
{
    int limits = 0;
    if (++p->depth > DEEPEST) {
        put_unknown(p, out, p->at, strlen(p->at));
        p->at += strlen(p->at);
    } else if (*p->at == '{') {
        parse_group(p, out);
    } else if (*p->at == '\\') {
        size_t before = out->size;
        limits = parse_command(p, out);
        if (out->size == before)
            pe_buffer_text(out, "<mrow></mrow>");
    } else if (isdigit((unsigned char)*p->at)) {
        parse_number(p, out);
    } else {
        parse_character(p, out);
    }
    p->depth--;
    return limits;
}

static void parse_primes(parser *p, pe_buffer *above)
{
    pe_buffer_text(above, "<mo>");
    for (; *p->at == '\''; p->at++)
        pe_buffer_text(above, "′");
    pe_buffer_text(above, "</mo>");
}

static void parse_scripts(parser *p, pe_buffer *below, pe_buffer *above)
{
    for (;;) {
        skip_blanks(p);
        if (*p->at == '\'') {
            parse_primes(p, above);
        } else if (*p->at == '_' || *p->at == '^') {
            pe_buffer *into = *p->at == '_' ? below : above;
            p->at++;
            parse_argument(p, into);
        } else if (is_command(p, "limits") || is_command(p, "nolimits")) {
            p->at += 1 + command_size(p->at + 1);
        } else {
            return;
        }
    }
}

static void put_scripted(pe_buffer *out, const pe_buffer *base, const pe_buffer *below,
                         const pe_buffer *above, int limits)
{
    static const char *const name[2][4] = {{"", "msub", "msup", "msubsup"},
                                           {"", "munder", "mover", "munderover"}};
    const char *element = name[limits][(below->size > 0) + 2 * (above->size > 0)];
    if (*element)
        pe_buffer_format(out, "<%s>", element);
    pe_buffer_text(out, base->size ? base->bytes : "<mrow></mrow>");
    if (below->size)
        pe_buffer_format(out, "<mrow>%s</mrow>", below->bytes);
    if (above->size)
        pe_buffer_format(out, "<mrow>%s</mrow>", above->bytes);
    if (*element)
        pe_buffer_format(out, "</%s>", element);
}

static void parse_term(parser *p, pe_buffer *out)
{
    pe_buffer base = {0}, below = {0}, above = {0};
    int limits = 0;
    if (*p->at != '_' && *p->at != '^' && *p->at != '\'')
        limits = parse_atom(p, &base);
    parse_scripts(p, &below, &above);
    put_scripted(out, &base, &below, &above, limits);
    if (base.status != PE_OK || below.status != PE_OK || above.status != PE_OK)
        out->status = PE_MEMORY;
    pe_buffer_release(&base);
    pe_buffer_release(&below);
    pe_buffer_release(&above);
}

static int is_row_end(const parser *p, int in_brackets)
{
    return *p->at == '\0' || *p->at == '}' || *p->at == '&' || (in_brackets && *p->at == ']') ||
           (p->at[0] == '\\' && p->at[1] == '\\') || is_command(p, "right") || is_command(p, "end");
}

static void parse_row(parser *p, pe_buffer *out, int in_brackets)
{
    for (skip_blanks(p); !is_row_end(p, in_brackets) && out->status == PE_OK; skip_blanks(p))
        parse_term(p, out);
}

pe_status pe_mathml(const char *tex, int display, pe_buffer *out, char unknown[PE_MATHML_UNKNOWN],
                    pe_error *err)
{
    parser p = {.at = tex, .display = display, .unknown = unknown};
    if (unknown)
        unknown[0] = '\0';
    pe_buffer_text(out, display ? "<math display=\"block\"><mrow>" : "<math><mrow>");
    parse_row(&p, out, 0);
    while (*p.at && out->status == PE_OK) { /* what closes nothing */
        unsigned code;
        size_t size = *p.at == '\\' ? 1 + command_size(p.at + 1) : pe_utf8_next(p.at, &code);
        put_unknown(&p, out, p.at, size ? size : 1);
        p.at += size ? size : 1;
        parse_row(&p, out, 0);
    }
    pe_buffer_text(out, "</mrow></math>");
    return pe_buffer_check(out, "formula", err);
}
