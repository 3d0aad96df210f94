with activity as not materialized (
    select
        left(period_code, 4) as period_code,
        '' as breakdown_kind_code,
        '' as breakdown_code,
        -- a code that names no place of that day has no figure of its own
        case when admin_unit_key is not null then commune_code end as commune_code,
        district_code,
        province_code,
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
