/* Time that goes by, for progress, deadlines and what took how long. */
#ifndef PE_BASE_CLOCK_H
#define PE_BASE_CLOCK_H

/* Seconds since some moment, by a clock that never goes back. */
double pe_seconds(void);

#endif
