"""Questions over the lake, in the Athena dialect, and the engines that answer."""
