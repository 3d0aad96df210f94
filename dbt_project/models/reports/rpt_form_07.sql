{{ deprivation_rate_form('near_poor', ref('rpt_form_06')) }}
