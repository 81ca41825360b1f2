#include "../variants/calls.h"

#include "hooks_backward_call.h"

#if PE_PASS == 2
static double loss(work_f64 *k)
{
    double sum = 0;
    forward_f64(k);
    for (size_t i = 0; i < k->outputs; i++)
        if (k->upstream[i] < 0 || k->upstream[i] > 0) /* s is ignored where not allowed */
            sum += k->upstream[i] * k->out[i];
    return sum;
}

static double central_difference(work_f64 *k, double *x)
{
    const double was = *x, h = 1e-5 * fmax(1, fabs(was));
    *x = was + h;
    const double step_up = *x - was, up = loss(k);
    *x = was - h;
    const double step_down = was - *x, down = loss(k);
    *x = was;
    return (up - down) / (step_up + step_down);
}

static void complain(pe_backward_result *r, const work_f64 *k, const char *what, const char *why)
{
    if (!r->failure[0])
        snprintf(r->failure, sizeof r->failure, "%s of %s, part %d: the gradient by %s %s",
                 hook_names[k->hook], k->l->variant->id, k->part, what, why);
}

/* One block: the double twin against differences, the float twin against the double one. */
static void compare_block(pe_backward_result *r, work_f64 *k, const slot_f64 *s, const slot_f32 *f)
{
    double worst = 0, apart = 0, largest = 1;
    const double before = s->overwritten ? 0 : stood;
    for (size_t i = 0; i < s->count; i++) {
        if (s->compared && !s->compared[i % (QUERIES * TOKENS)])
            continue;
        const double want = central_difference(k, &s->x[i]), got = s->g[i] - before;
        const double error = fabs(got - want), other = fabs((double)f->g[i] - before - got);
        largest = fmax(largest, fabs(want));
        worst = error <= worst ? worst : error;
        apart = other <= apart ? apart : other;
    }
    r->blocks++;
    r->difference = fmax(r->difference, worst / largest);
    r->in_float = fmax(r->in_float, apart / largest / 1.1920929e-7);
    if (!(worst <= 1e-7 * largest))
        complain(r, k, s->name, "is not that of central differences, or was set instead of added");
    if (!(apart <= 256 * 1.1920929e-7 * largest))
        complain(r, k, s->name, "in float is further than 256 epsilons from that in double");
}

static bool has_twin(const work_f64 *k)
{
    const pe_ops_f64 *ops = k->ops;
    const bool twin[HOOKS] = {ops->plan_vjp, ops->embed_vjp, ops->map_vjp,   ops->relative_vjp,
                              ops->pair_vjp, ops->state_vjp, ops->logits_vjp};
    return twin[k->hook];
}

/* posenc_hooks.h: where a twin could add nothing. */
static bool excused(const work_f64 *k)
{
    const int hook = k->hook;
    return (hook == EMBED || hook == RELATIVE || hook == PAIR) && !trainable(&k->l->info);
}

static void check_call(pe_backward_result *r, lab *l, const where *w, int hook, int part)
{
    work_f64 k = make_work_f64(l, w, hook, part);
    work_f32 f = make_work_f32(l, w, hook, part);
    if (!has_twin(&k)) {
        if (!excused(&k))
            complain(r, &k, "everything", "is missing: the hook has no twin");
        return;
    }
    r->hooks += part == 0;
    k.asked = f.asked = false; /* NULL where not wanted: it must not crash */
    backward_f64(&k);
    k.asked = f.asked = true;
    backward_f64(&k);
    backward_f32(&f);
    for (int s = 0; s < k.slots; s++)
        compare_block(r, &k, &k.slot[s], &f.slot[s]);
}

/* How often a hook is called: 0 when the variant, with these options, has no use for it. */
static int parts_of(const lab *l, int hook)
{
    const pe_ops_f64 *ops = l->variant->f64;
    const pe_setup *info = &l->info;
    switch (hook) {
    case PLAN:
        return ops->plan && info->plan_depends & PE_ON_PARAMETERS ? 1 : 0;
    case EMBED:
        return ops->embed && info->embed_width > 0 ? 1 : 0;
    case MAP:
        return ops->map && info->maps ? 4 * l->dims.heads : 0;
    case RELATIVE:
        return ops->relative && info->rows ? 1 : 0;
    case PAIR:
        return ops->pair ? 1 : 0;
    case STATE:
        return ops->state && info->state > 0 ? 2 : 0;
    default:
        return !ops->logits ? 0 : info->flags & PE_HEADS_TOGETHER ? 1 : l->dims.heads;
    }
}

pe_backward_result pe_check_backward(const pe_variant *variant, const pe_backward_case *k)
{
    pe_backward_result r = {.failure = ""};
    lab l = lab_make(variant, k->dims);
    for (int i = 0; i < PE_COUNT(k->set) && k->set[i].option; i++)
        lab_set(&l, k->set[i].option, k->set[i].value);
    if (!lab_setup(&l)) {
        snprintf(r.failure, sizeof r.failure, "%s refuses: %s", variant->id, l.info.refusal);
        lab_end();
        return r;
    }
    const where w = make_where(&l, k->causal);
    for (int hook = 0; hook < HOOKS; hook++)
        for (int part = 0; part < parts_of(&l, hook); part++)
            if (hook != MAP || l.info.maps & PE_MAPS(part / l.dims.heads))
                check_call(&r, &l, &w, hook, part);
    lab_end();
    return r;
}
#endif

#include PE_NEXT("hooks_backward.c")
