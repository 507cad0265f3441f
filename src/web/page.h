/* SPDX-License-Identifier: MIT */
/* The files of the page, which make makes of src/web/page/. */
#ifndef PYROPE_WEB_PAGE_H
#define PYROPE_WEB_PAGE_H

#include <stddef.h>

extern const unsigned char web_page_html[], web_page_css[], web_page_js[];
extern const size_t web_page_html_length, web_page_css_length, web_page_js_length;

#endif
