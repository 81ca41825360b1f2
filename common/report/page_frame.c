#include "report/page.h"
#include "report/words.h"

#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--ink:#222;--paper:#fff;--soft:#5c5c5c;--line:#d9d9d9;"
    "--tint:#f4f6f8;--link:#0a5c94;--pass:#0b6b45;--fail:#a8290a}\n"
    "@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--paper:#16181b;--soft:#a9adb3;"
    "--line:#3a3e44;--tint:#202429;--link:#7fbfe8;--pass:#5fcf9f;--fail:#ff9a7a}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:78rem;padding:2rem 1.25rem 4rem;color:var(--ink);"
    "background:var(--paper);font:1.05rem/1.55 system-ui,'DejaVu Sans',sans-serif}\n"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem}\n"
    "h2{font-size:1.35rem;margin:2.5rem 0 .5rem;padding-top:.75rem;border-top:1px solid "
    "var(--line)}\n"
    "p{margin:.75rem 0}a{color:var(--link)}\n"
    /* Lines stay short; tables may take the rest of a wide screen. */
    "h1,h2,h3,p,figure,pre,ul,.note,.exercise,.formula{max-width:60rem}\n"
    "table:not(.verdicts) td:last-child:not(.number){min-width:14rem}\n"
    /* A formation path or a command is one long word; tables scroll instead. */
    "h1,h2,h3,p,figcaption,caption,.note,.exercise{overflow-wrap:anywhere}\n"
    ".question{color:var(--soft)}.finding{font-size:1.15rem;font-weight:600}\n"
    "figure{margin:1.5rem "
    "0}figcaption,caption{color:var(--soft);font-size:.92rem;text-align:left}\n"
    "figcaption{margin-top:.5rem}caption{padding:.25rem 0}\n"
    /* Pictures are drawn on white paper; in the dark they keep it, as a card. */
    ".card{background:#fff;color:#222;border-radius:6px;padding:.5rem;border:1px solid "
    "var(--line)}\n"
    ".card svg{display:block;width:100%;height:auto}\n"
    ".wide{overflow-x:auto}\n"
    /* On a narrow screen a picture keeps a size at which its words can be read, and scrolls. */
    "@media screen and (max-width:44rem){.card{overflow-x:auto}.card svg{min-width:46rem}}\n"
    ".verdicts td:nth-child(3){min-width:12rem}\n"
    "table{border-collapse:collapse;margin:1rem 0;font-size:.92rem}\n"
    "th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:left;"
    "vertical-align:top}\n"
    "th{background:var(--tint);font-weight:600}\n"
    "td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    ".unit{color:var(--soft);font-weight:400}\n"
    ".pass{color:var(--pass);font-weight:600}.fail{color:var(--fail);font-weight:600}\n"
    ".info,.not,.because{color:var(--soft)}.because td{padding-top:0}"
    "tr:has(+.because) td{border-bottom:0}caption{min-width:14rem}\n"
    ".formula{overflow-x:auto;padding:.5rem 0}math{font-size:1.1em}\n"
    ".note,.exercise,.missing{background:var(--tint);border-left:4px solid var(--line);"
    "padding:.6rem 1rem;margin:1rem 0;border-radius:0 6px 6px 0}\n"
    "pre,code{font-family:'DejaVu Sans Mono',monospace;font-size:.9rem}\n"
    "pre{background:var(--tint);padding:.75rem 1rem;overflow-x:auto;border-radius:6px}\n"
    "@media print{:root{--ink:#000;--paper:#fff;--soft:#444;--line:#bbb;--tint:#fff;--link:#000;"
    "--pass:#000;--fail:#000}body{max-width:none;padding:0;font-size:10.5pt}"
    "figure,table,.exercise,.note{break-inside:avoid}h2{break-after:avoid}.card{border:0}"
    ".wide{overflow:visible}}\n";

void pe_page_begin(pe_buffer *out, const char *title)
{
    pe_buffer_text(out,
                   "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                   "style-src 'unsafe-inline'; img-src data:\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<title>");
    pe_html_text(out, title);
    pe_buffer_text(out, "</title>\n<style>\n");
    pe_buffer_text(out, style);
    pe_buffer_text(out, "</style>\n</head>\n<body>\n");
}

void pe_page_end(pe_buffer *out)
{
    pe_buffer_text(out, "</body>\n</html>\n");
}

/* ---- pictures ---- */

static const char *find(const char *at, const char *end, const char *what)
{
    const char *hit = memmem(at, (size_t)(end - at), what, strlen(what));
    return hit ? hit : end;
}

/* What begins here and must change: *skipped bytes go; *kept of them stay, and then comes the
 * prefix. 0 when nothing changes. */
static int changes(const char *at, const char *end, size_t *kept, size_t *skipped)
{
    static const struct {
        const char *text;
        int is_name_space;
    } marks[] = {{" xmlns=\"", 1}, {"\n xmlns=\"", 1}, {" xmlns:xlink=\"", 1}, {" id='", 0},
                 {" id=\"", 0},    {"href='#", 0},     {"href=\"#", 0},        {"url(#", 0},
                 {"url(\"#", 0},   {"url('#", 0}};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        size_t size = strlen(marks[i].text);
        if ((size_t)(end - at) < size || memcmp(at, marks[i].text, size) != 0)
            continue;
        *kept = marks[i].is_name_space ? 0 : size;
        *skipped = marks[i].is_name_space ? (size_t)(find(at + size, end, "\"") - at) + 1 : size;
        return 1;
    }
    return 0;
}

static void put_tag(pe_buffer *out, const char *at, const char *end, const char *prefix)
{
    while (at < end) {
        size_t kept, skipped;
        if (changes(at, end, &kept, &skipped)) {
            pe_buffer_append(out, at, kept);
            if (kept)
                pe_buffer_format(out, "%s-", prefix);
            at += skipped;
        } else {
            pe_buffer_append(out, at++, 1);
        }
    }
}

void pe_page_svg(pe_buffer *out, const pe_buffer *svg, const char *prefix)
{
    const char *end = svg->bytes + svg->size, *at = find(svg->bytes, end, "<svg");
    while (at < end) {
        const char *open = find(at, end, "<");
        pe_buffer_append(out, at, (size_t)(open - at)); /* text between tags stays what it is */
        const char *close = find(open, end, ">");
        close += close < end;
        /* a picture's bytes hold no id, and are long */
        const char *data = find(open, close, "data:image");
        put_tag(out, open, data, prefix);
        pe_buffer_append(out, data, (size_t)(close - data));
        at = close;
    }
}
