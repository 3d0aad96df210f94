with activity as not materialized (
    select
        left(period_code, 4) as period_code,
        '' as breakdown_kind_code,
        '' as breakdown_code,
        year_end_commune_code as commune_code,
        year_end_district_code as district_code,
        year_end_province_code as province_code,
        kind_code,
        participant_count,
        target_participant_count,
        cost_vnd,
        activity_id,
        sender_code,
        submission_id,
        sheet_name,
        row_number
    from {{ ref('fct_capacity_activity') }}
),

figure as not materialized (
    select
        'cadre_training_coverage' as indicator_code,
        participant_count::numeric as numerator,
        target_participant_count::numeric as denominator,
        *
    from activity
    where kind_code = 'training'
    union all
    -- where there are activities but no model, there are 0 models
    select
        'poverty_model_count',
        (kind_code = 'poverty_model')::integer,
        null,
        *
    from activity
    union all
    select
        'poverty_model_cost',
        cost_vnd,
        1,
        *
    from activity
    where kind_code = 'poverty_model'
)

select {{ indicator_row("'capacity_activity'", record_id='figure.activity_id') }}
from figure
