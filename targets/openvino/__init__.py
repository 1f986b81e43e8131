"""OpenVINO, and OpenVINO GenAI."""
