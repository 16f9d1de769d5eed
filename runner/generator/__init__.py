"""The half of ``load --jobs`` that runs in a pod."""
