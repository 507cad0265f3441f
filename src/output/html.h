/* SPDX-License-Identifier: MIT */
/* The report as one page of HTML: what html.c puts together. */
#ifndef PYROPE_OUTPUT_HTML_H
#define PYROPE_OUTPUT_HTML_H

#include "output/timeline.h"

/* Writes all that was sampled, packed with gzip and in base64: what src/output/html/data.js reads. */
void html_write_data(struct timeline *timeline);

/* The page's parts: src/output/html/, as html_page.c that make writes. */
extern const unsigned char html_body[], html_script[], html_style[];
extern const size_t html_body_length, html_script_length, html_style_length;

#endif
