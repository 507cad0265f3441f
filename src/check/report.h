/* SPDX-License-Identifier: MIT */
/* What the formats of a report have in common. */
#ifndef PYROPE_CHECK_REPORT_H
#define PYROPE_CHECK_REPORT_H

#include "pyrope/check.h"

/* "max json.*:dumps, process 12 (python)" */
void finding_append_title(const struct finding *finding, struct buffer *text);
/* "1 exceeded, 0 not sure, 3 kept; 4711 samples" */
void findings_append_last(const struct findings *findings, struct buffer *text);

#endif
