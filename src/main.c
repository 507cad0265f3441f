/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "pyrope/commands.h"
#include "pyrope/target.h"

int main(int argc, char **argv)
{
	launch_remember();
	return commands_main(argc, argv);
}
