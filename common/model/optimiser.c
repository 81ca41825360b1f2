#include "model/optimiser.h"

#include <math.h>

pe_optimiser pe_optimiser_standard(void)
{
    return (pe_optimiser){.rate = 1e-3,
                          .least_rate = 0.1,
                          .beta1 = 0.9,
                          .beta2 = 0.999,
                          .epsilon = 1e-8,
                          .decay = 0.01,
                          .clip = 1};
}

double pe_optimiser_rate(const pe_optimiser *o, int64_t step)
{
    const double pi = 3.14159265358979323846;
    if (step < o->warm_up)
        return o->rate * (double)step / (double)o->warm_up;
    if (o->steps <= o->warm_up)
        return o->rate;
    const double done = (double)(step - o->warm_up) / (double)(o->steps - o->warm_up);
    const double left = 0.5 * (1 + cos(pi * (done < 1 ? done : 1)));
    return o->rate * (o->least_rate + (1 - o->least_rate) * left);
}
