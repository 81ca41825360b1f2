#include "plot/layout.h"

#include <math.h>

static pe_grid grid_with(size_t n, size_t columns, pe_box area, double gap_x, double gap_y,
                         double aspect)
{
    size_t rows = (n + columns - 1) / columns;
    double width = (area.right - area.left - gap_x * (double)(columns - 1)) / (double)columns;
    double height = (area.bottom - area.top - gap_y * (double)(rows - 1)) / (double)rows;
    if (aspect > 0 && width > aspect * height)
        width = aspect * height;
    else if (aspect > 0)
        height = width / aspect;
    return (pe_grid){columns, rows, width, height};
}

/* Larger is better; boxes that may have any shape should look like a page. */
static double merit(pe_grid grid, double aspect)
{
    if (grid.width <= 0 || grid.height <= 0)
        return -1;
    return aspect > 0 ? grid.width : fmin(grid.width / 1.6, grid.height);
}

pe_grid pe_grid_choose(size_t n, pe_box area, double gap_x, double gap_y, double aspect)
{
    pe_grid best = grid_with(n, 1, area, gap_x, gap_y, aspect);
    for (size_t columns = 2; columns <= n; columns++) {
        pe_grid other = grid_with(n, columns, area, gap_x, gap_y, aspect);
        if (merit(other, aspect) > merit(best, aspect) * 1.0001)
            best = other;
    }
    return best;
}

pe_box pe_grid_box(const pe_grid *grid, pe_box area, double gap_x, double gap_y, size_t which)
{
    double left = area.left + (double)(which % grid->columns) * (grid->width + gap_x);
    double top = area.top + (double)(which / grid->columns) * (grid->height + gap_y);
    return (pe_box){left, top, left + grid->width, top + grid->height};
}

static void slide(double *place, size_t first, size_t last, double gap, double start)
{
    for (size_t i = first; i <= last; i++)
        place[i] = start + gap * (double)(i - first);
}

/* Places that touch form a block, and a block starts where its members' wishes put it on average
 * (pool adjacent violators). */
void pe_spread(double *place, size_t n, double gap, double low, double high)
{
    enum { MOST = 256 };
    struct {
        size_t first;
        double wish; /* mean over members of what their block's start should be */
    } block[MOST];
    size_t blocks = 0;
    if (n > MOST)
        return;
    for (size_t i = 0; i < n; i++) {
        double wish = place[i];
        size_t first = i, members = 1;
        for (;;) {
            wish = fmax(low, fmin(high - gap * (double)(members - 1), wish));
            size_t before = blocks ? first - block[blocks - 1].first : 0;
            double room = gap * (double)before;
            if (!blocks || block[blocks - 1].wish + room <= wish)
                break;
            wish = (block[blocks - 1].wish * (double)before + (wish - room) * (double)members) /
                   (double)(before + members);
            members += before;
            first = block[--blocks].first;
        }
        block[blocks].first = first;
        block[blocks++].wish = wish;
    }
    for (size_t b = 0; b < blocks; b++)
        slide(place, block[b].first, (b + 1 < blocks ? block[b + 1].first : n) - 1, gap,
              block[b].wish);
}
