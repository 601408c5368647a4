"""How the plugin's tables came to be; FlaskBB runs these when the plugin is enabled."""
